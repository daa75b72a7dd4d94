//! The four formats: where a file of a transaction lies in `A/` and `B/`.
//!
//! In a transaction's folder in the journal, all names are flat. The storage's *format* maps a flat
//! name to a relative path, the same one in `A/` and `B/`. The rules are those of `formats.py` in
//! DirectoryStorage 1.1.21. Moving the files is in the method `direct`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// How a storage distributes its files over folders: `[structure] format` in `config/settings`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// At most 256 entries in a folder.
    Bushy,
    /// Up to 4096 entries in a folder, for file systems that handle large folders well.
    Chunky,
    /// One folder for each object.
    Lawn,
    /// No folders.
    Flat,
}

impl Format {
    /// All formats.
    pub const ALL: [Format; 4] = [Format::Bushy, Format::Chunky, Format::Lawn, Format::Flat];

    /// Finds the format with that name, as the settings spell it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Returns the name, as the settings spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bushy => "bushy",
            Self::Chunky => "chunky",
            Self::Lawn => "lawn",
            Self::Flat => "flat",
        }
    }

    /// Returns the path below `A/` or `B/` of the file with the flat name `name`.
    ///
    /// `None` if the name has no path in this format. No server writes such a name; from some of
    /// them, the original would derive a path outside the folder.
    pub fn place(self, name: &OsStr) -> Option<PathBuf> {
        let name = name.as_bytes();
        let dot = name.iter().position(|&byte| byte == b'.');
        let (head, rest) = match dot {
            Some(at) => (&name[..at], Some(&name[at + 1..])),
            None => (name, None),
        };
        let place = match self {
            Self::Bushy => bushy(head, rest.filter(|rest| !rest.is_empty())),
            Self::Chunky if head.len() < 3 => joined(&[head, rest.unwrap_or_default()]),
            Self::Chunky => chunky(head, &name[head.len()..]),
            Self::Lawn => rest.map_or_else(|| name.to_vec(), |rest| joined(&[head, rest])),
            Self::Flat => name.to_vec(),
        };
        stays_inside(&place).then(|| PathBuf::from(OsStr::from_bytes(&place)))
    }
}

/// Cuts twos from the left, but keeps the last three or fewer together; `rest` is a name of its own.
fn bushy(head: &[u8], rest: Option<&[u8]>) -> Vec<u8> {
    let mut place = Vec::with_capacity(2 * head.len() + rest.map_or(0, <[u8]>::len));
    let mut tail = head;
    while tail.len() > 3 {
        let (part, left) = tail.split_at(2);
        push(&mut place, part);
        tail = left;
    }
    for part in [tail, rest.unwrap_or_default()] {
        if !part.is_empty() {
            push(&mut place, part);
        }
    }
    place
}

/// Cuts threes from the left (first a four if it begins with `o` or `t`) while more than four are left.
fn chunky(head: &[u8], dot_and_rest: &[u8]) -> Vec<u8> {
    let mut place = Vec::with_capacity(2 * head.len() + dot_and_rest.len());
    let mut tail = head;
    while tail.len() > 4 {
        let lettered = place.is_empty() && matches!(tail[0], b'o' | b't');
        let (part, left) = tail.split_at(if lettered { 4 } else { 3 });
        push(&mut place, part);
        tail = left;
    }
    push(&mut place, tail);
    place.extend(dot_and_rest);
    place
}

/// Adds a part to a place.
fn push(place: &mut Vec<u8>, part: &[u8]) {
    if !place.is_empty() {
        place.push(b'/');
    }
    place.extend(part);
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.join(&b'/')
}

/// Says whether each part of a place is a plain name.
fn stays_inside(place: &[u8]) -> bool {
    place.split(|&byte| byte == b'/').all(|part| !matches!(part, b"" | b"." | b".."))
}

#[cfg(test)]
mod tests {
    use std::path::Component;

    use super::*;

    fn place(format: Format, name: &str) -> Option<String> {
        let place = format.place(OsStr::new(name))?;
        Some(place.to_str().unwrap().to_owned())
    }

    #[track_caller]
    fn check(format: Format, name: &str, expected: &str) {
        assert_eq!(place(format, name).as_deref(), Some(expected), "{} {name}", format.name());
    }

    #[test]
    fn bushy_cuts_twos_and_keeps_the_last_three() {
        check(Format::Bushy, "o0123456789abcdef", "o0/12/34/56/78/9a/bc/def");
        check(Format::Bushy, "o0123456789abcdef.c", "o0/12/34/56/78/9a/bc/def/c");
        check(Format::Bushy, "t012345.6789abcdef", "t0/12/345/6789abcdef");
        check(Format::Bushy, "x.oid", "x/oid");
        check(Format::Bushy, "abc.", "abc");
    }

    #[test]
    fn chunky_cuts_threes_after_a_lettered_four_and_keeps_the_rest_with_the_name() {
        check(Format::Chunky, "o0123456789abcdef", "o012/345/678/9ab/cdef");
        check(Format::Chunky, "o0123456789abcdef.c", "o012/345/678/9ab/cdef.c");
        check(Format::Chunky, "t012345.6789abcdef", "t012/345.6789abcdef");
        check(Format::Chunky, "z0123456.c", "z01/234/56.c");
        check(Format::Chunky, "x.oid", "x/oid");
        check(Format::Chunky, "abc", "abc");
    }

    #[test]
    fn lawn_gives_each_object_a_folder() {
        check(Format::Lawn, "o0123456789abcdef", "o0123456789abcdef");
        check(Format::Lawn, "o0123456789abcdef.c", "o0123456789abcdef/c");
        check(Format::Lawn, "t012345.6789abcdef", "t012345/6789abcdef");
        check(Format::Lawn, "x.oid", "x/oid");
    }

    #[test]
    fn flat_changes_nothing() {
        check(Format::Flat, "o0123456789abcdef.c", "o0123456789abcdef.c");
        check(Format::Flat, "x.oid", "x.oid");
    }

    #[test]
    fn a_name_that_would_lead_elsewhere_has_no_place() {
        for (format, name) in [
            (Format::Chunky, "ab"),
            (Format::Chunky, "x."),
            (Format::Lawn, ".oid"),
            (Format::Lawn, "x."),
            (Format::Bushy, "x..."),
            (Format::Lawn, "x..."),
            (Format::Bushy, "x.."),
            (Format::Bushy, "."),
        ] {
            assert_eq!(place(format, name), None, "{} {name}", format.name());
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

        #[test]
        fn no_name_leads_outside(name in "[ot.x/]{0,4}[0-9A-F.]{0,20}", at in 0..4usize) {
            proptest::prop_assume!(!name.contains('/'));
            if let Some(place) = Format::ALL[at].place(OsStr::new(&name)) {
                let plain = place.components().all(|part| matches!(part, Component::Normal(_)));
                proptest::prop_assert!(plain && place.components().count() > 0);
                let letters = |text: &str| text.replace(['/', '.'], "");
                proptest::prop_assert_eq!(letters(place.to_str().unwrap()), letters(&name));
            }
        }
    }
}
