//! Compares two directory trees, and finds the first difference; copies a tree.
//!
//! Compares names, kinds, contents, modes, owners, and the times of files. The time of a folder
//! says when a file was moved into or out of it, and the order of moves may differ. Each task
//! decides which parts of a storage are compared.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, FileTimes, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Whether the times of files are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// The times of files must be equal.
    Compared,
    /// They may differ.
    Ignored,
}

/// Finds the first difference between `part` of `left` and of `right`, and describes it.
pub fn difference(left: &Path, right: &Path, part: &str, times: Times) -> Result<Option<String>> {
    let (left, right) = (tree(left, part, times)?, tree(right, part, times)?);
    let mut names: Vec<&PathBuf> = left.keys().chain(right.keys()).collect();
    names.sort();
    Ok(names.into_iter().find_map(|name| {
        let difference = differ(left.get(name), right.get(name))?;
        Some(format!("{}: {difference}", name.display()))
    }))
}

/// Copies everything below `from` to `to`, which must not exist: with modes and times, as `cp -a` does.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    let failed = || format!("cannot copy {}", from.display());
    let metadata = fs::symlink_metadata(from).with_context(failed)?;
    if metadata.is_symlink() {
        return Ok(symlink(fs::read_link(from)?, to)?);
    }
    if metadata.is_dir() {
        fs::create_dir(to).with_context(failed)?;
        for entry in fs::read_dir(from).with_context(failed)? {
            let name = entry?.file_name();
            copy(&from.join(&name), &to.join(&name))?;
        }
        fs::set_permissions(to, metadata.permissions())?;
    } else {
        fs::copy(from, to).with_context(failed)?;
    }
    let times = FileTimes::new().set_modified(metadata.modified()?);
    Ok(File::open(to)?.set_times(times)?)
}

type Tree = BTreeMap<PathBuf, Entry>;

struct Entry {
    kind: &'static str,
    mode: u32,
    owner: (u32, u32),
    time: Option<(i64, i64)>,
    content: Vec<u8>,
}

/// Reads `part` and everything below it; a missing part has no entries.
fn tree(root: &Path, part: &str, times: Times) -> Result<Tree> {
    let mut tree = Tree::new();
    add(&mut tree, root, Path::new(part), times)?;
    Ok(tree)
}

fn add(tree: &mut Tree, root: &Path, name: &Path, times: Times) -> Result<()> {
    let path = root.join(name);
    let metadata = match fs::symlink_metadata(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.with_context(|| cannot_read(&path))?,
    };
    if metadata.is_dir() {
        for entry in fs::read_dir(&path).with_context(|| cannot_read(&path))? {
            add(tree, root, &name.join(entry?.file_name()), times)?;
        }
    }
    let entry = Entry::new(&path, &metadata, times).with_context(|| cannot_read(&path))?;
    tree.insert(name.to_owned(), entry);
    Ok(())
}

fn cannot_read(path: &Path) -> String {
    format!("cannot read {}", path.display())
}

impl Entry {
    fn new(path: &Path, metadata: &Metadata, times: Times) -> std::io::Result<Self> {
        let (kind, content) = match metadata.file_type() {
            kind if kind.is_dir() => ("folder", Vec::new()),
            kind if kind.is_file() => ("file", fs::read(path)?),
            kind if kind.is_symlink() => {
                ("link", fs::read_link(path)?.into_os_string().into_encoded_bytes())
            }
            _ => ("special file", Vec::new()),
        };
        let timed = kind == "file" && times == Times::Compared;
        Ok(Self {
            kind,
            mode: metadata.permissions().mode() & 0o7777,
            owner: (metadata.uid(), metadata.gid()),
            time: timed.then(|| (metadata.mtime(), metadata.mtime_nsec())),
            content,
        })
    }
}

/// Describes the difference between two entries of the same name.
fn differ(left: Option<&Entry>, right: Option<&Entry>) -> Option<String> {
    match (left, right) {
        (Some(left), Some(right)) => differ_both(left, right),
        (Some(left), None) => Some(format!("a {} on the left, absent on the right", left.kind)),
        (None, Some(right)) => Some(format!("absent on the left, a {} on the right", right.kind)),
        (None, None) => None,
    }
}

fn differ_both(left: &Entry, right: &Entry) -> Option<String> {
    let unlike = |what, a: &dyn fmt::Display, b: &dyn fmt::Display| {
        Some(format!("{what} {a} on the left, {b} on the right"))
    };
    if left.kind != right.kind {
        return unlike("kind", &left.kind, &right.kind);
    }
    if left.content != right.content {
        return unlike("content", &shown(&left.content), &shown(&right.content));
    }
    if left.mode != right.mode {
        return unlike("mode", &format!("{:04o}", left.mode), &format!("{:04o}", right.mode));
    }
    if left.owner != right.owner {
        return unlike("owner", &format!("{:?}", left.owner), &format!("{:?}", right.owner));
    }
    if left.time != right.time {
        return unlike("time", &time(left), &time(right));
    }
    None
}

/// Shows the beginning and the length of a file's content.
fn shown(content: &[u8]) -> String {
    format!(
        "{:?} ({} bytes)",
        content[..content.len().min(24)].escape_ascii().to_string(),
        content.len()
    )
}

fn time(entry: &Entry) -> String {
    entry
        .time
        .map_or_else(String::new, |(seconds, nanoseconds)| format!("{seconds}.{nanoseconds:09}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{File, create_dir_all, set_permissions, write};
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, SystemTime};

    /// Makes two equal trees, changes the second, and compares them.
    fn found(test: &str, times: Times, change: impl Fn(&Path)) -> Option<String> {
        let base =
            std::env::temp_dir().join(format!("dsnap-xtask-tree-{}-{test}", std::process::id()));
        let (left, right) = (base.join("left"), base.join("right"));
        for side in [&left, &right] {
            create_dir_all(side.join("A/x")).unwrap();
            write(side.join("A/x/oid"), "12345678").unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789);
            File::options()
                .write(true)
                .open(side.join("A/x/oid"))
                .unwrap()
                .set_modified(time)
                .unwrap();
        }
        change(&right.join("A"));
        let found = difference(&left, &right, "A", times).unwrap();
        fs::remove_dir_all(base).unwrap();
        found
    }

    fn retime(a: &Path) {
        File::options()
            .write(true)
            .open(a.join("x/oid"))
            .unwrap()
            .set_modified(SystemTime::now())
            .unwrap();
    }

    #[test]
    fn equal_trees_do_not_differ() {
        assert_eq!(found("equal", Times::Compared, |_| ()), None);
    }

    #[test]
    fn a_copy_does_not_differ() {
        let found = found("copy", Times::Compared, |a| {
            let (storage, copied) = (a.parent().unwrap(), a.parent().unwrap().join("copied"));
            std::os::unix::fs::symlink("oid", a.join("x/link")).unwrap();
            copy(a, &copied).unwrap();
            fs::remove_dir_all(a).unwrap();
            fs::rename(copied, a).unwrap();
            assert!(storage.join("A/x/link").is_symlink());
            fs::remove_file(storage.join("A/x/link")).unwrap();
        });
        assert_eq!(found, None);
    }

    #[test]
    fn different_contents_are_found() {
        let found =
            found("content", Times::Compared, |a| write(a.join("x/oid"), "1234567\0").unwrap());
        assert_eq!(
            found.unwrap(),
            r#"A/x/oid: content "12345678" (8 bytes) on the left, "1234567\\x00" (8 bytes) on the right"#
        );
    }

    #[test]
    fn a_missing_file_and_a_new_folder_are_found() {
        let missing =
            found("missing", Times::Compared, |a| fs::remove_file(a.join("x/oid")).unwrap());
        assert_eq!(missing.unwrap(), "A/x/oid: a file on the left, absent on the right");
        let new = found("new", Times::Compared, |a| create_dir_all(a.join("empty")).unwrap());
        assert_eq!(new.unwrap(), "A/empty: absent on the left, a folder on the right");
    }

    #[test]
    fn different_modes_of_a_folder_are_found() {
        let found = found("mode", Times::Compared, |a| {
            set_permissions(a.join("x"), PermissionsExt::from_mode(0o700)).unwrap();
        });
        assert!(found.unwrap().contains("A/x: mode "));
    }

    #[test]
    fn different_times_are_found_unless_ignored() {
        let difference = found("time", Times::Compared, retime).unwrap();
        assert!(
            difference.starts_with("A/x/oid: time 1700000000.123456789 on the left"),
            "{difference}"
        );
        assert_eq!(found("untimed", Times::Ignored, retime), None);
    }
}
