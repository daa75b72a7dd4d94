//! What `misc/dsnap.lock` can contain after a power cut. dsnap writes the file in place, then cuts it to its new
//! length, and syncs it if a record must not be lost.

use std::path::Path;

use crate::strace::Call;

/// The file in a storage.
pub(super) const FILE: &str = "misc/dsnap.lock";

/// Says whether a call changes the file, or puts it on disk.
pub(super) fn concerns(call: &Call, root: &Path) -> bool {
    let is_change = call.is_change() && call.name != "flock";
    is_change && call.files_below(root).first().is_some_and(|file| file == Path::new(FILE))
}

/// The file while calls change it.
#[derive(Debug, Default)]
pub(super) struct Versions {
    now: Vec<u8>,
    synced: Vec<u8>,
}

impl Versions {
    /// Returns each content, with a word for it, that a power cut during the last of these calls can leave:
    /// all that was written, what the last call began, half of that, and what was synced.
    pub(super) fn of(calls: &[Call], root: &Path) -> Vec<(&'static str, Vec<u8>)> {
        let mut file = Self::default();
        let mut last = None;
        for call in calls.iter().filter(|call| concerns(call, root)) {
            last = None;
            if call.succeeded() {
                file.apply(call);
            } else if !call.is_finished() {
                last = call.text();
            }
        }
        let mut found = vec![("written", file.now.clone())];
        if let Some(text) = last {
            found.push(("torn", over(&file.now, &text[..text.len() / 2])));
            found.push(("complete", over(&file.now, text)));
        }
        found.push(("synced", file.synced));
        found.dedup_by(|one, other| one.1 == other.1);
        found
    }

    fn apply(&mut self, call: &Call) {
        match call.name.as_str() {
            "write" => self.now = over(&self.now, call.text().unwrap_or_default()),
            "ftruncate" => {
                let length = call.others().next().and_then(|length| length.parse().ok());
                self.now.truncate(length.unwrap_or(usize::MAX));
            }
            "fsync" | "fdatasync" => self.synced.clone_from(&self.now),
            _ => {}
        }
    }
}

/// Writes at the beginning of a file.
fn over(file: &[u8], text: &[u8]) -> Vec<u8> {
    let rest = file.get(text.len()..).unwrap_or_default();
    [text, rest].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strace::calls_in;

    fn versions(trace: &str) -> Vec<(&'static str, Vec<u8>)> {
        Versions::of(&calls_in(trace).unwrap(), Path::new("/s"))
    }

    #[test]
    fn a_power_cut_leaves_the_synced_text_or_any_part_of_the_later_one() {
        let trace = "write(3</s/misc/dsnap.lock>, \"abcdef\", 6) = 6\n\
            fsync(3</s/misc/dsnap.lock>) = 0\n\
            write(4</s/misc/lock>, \"other\", 5) = 5\n\
            write(3</s/misc/dsnap.lock>, \"GH\", 2) = 2\n\
            ftruncate(3</s/misc/dsnap.lock>, 2) = 0\n\
            write(3</s/misc/dsnap.lock>, \"IJKL\", 4) = ?\n";
        let found = versions(trace);
        let found: Vec<_> =
            found.iter().map(|(word, text)| (*word, str::from_utf8(text).unwrap())).collect();
        let expected =
            [("written", "GH"), ("torn", "IJ"), ("complete", "IJKL"), ("synced", "abcdef")];
        assert_eq!(found, expected);
    }
}
