//! The state of a directory tree, to prove that a call changed nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Everything below a folder, by relative path: modes, owners, times and contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    mode: u32,
    owner: (u32, u32),
    modified: (i64, i64),
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    File(Vec<u8>),
    Folder,
    Link(PathBuf),
    Other,
}

impl Tree {
    /// Reads a directory tree.
    ///
    /// # Errors
    ///
    /// A file or folder cannot be read.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let mut entries = BTreeMap::new();
        read_below(folder, Path::new(""), &mut entries)?;
        Ok(Self(entries))
    }

    /// Leaves out these paths, and the times of the folders that contain them.
    #[must_use]
    pub fn without(mut self, paths: &[&str]) -> Self {
        for path in paths.iter().map(Path::new) {
            self.0.remove(path);
            if let Some(parent) = path.parent().and_then(|parent| self.0.get_mut(parent)) {
                parent.modified = (0, 0);
            }
        }
        self
    }

    /// Returns the first difference of the other tree; `None` if both are the same.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let paths: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        paths.into_iter().find_map(|path| {
            let what = match (self.0.get(path), other.0.get(path)) {
                (Some(one), Some(other)) => one.difference(other)?,
                (Some(_), None) => "is gone".to_owned(),
                _ => "is new".to_owned(),
            };
            Some(format!("{} {what}", path.display()))
        })
    }
}

impl Entry {
    fn difference(&self, other: &Self) -> Option<String> {
        if self.content != other.content {
            return Some("has other content".to_owned());
        }
        if self.mode != other.mode {
            return Some(format!("has mode {:o} instead of {:o}", other.mode, self.mode));
        }
        if self.owner != other.owner {
            return Some(format!("belongs to {:?} instead of {:?}", other.owner, self.owner));
        }
        (self.modified != other.modified).then(|| "has another modification time".to_owned())
    }
}

fn read_below(top: &Path, below: &Path, entries: &mut BTreeMap<PathBuf, Entry>) -> io::Result<()> {
    for found in fs::read_dir(top.join(below))? {
        let name = below.join(found?.file_name());
        let path = top.join(&name);
        let meta = fs::symlink_metadata(&path)?;
        let content = if meta.is_dir() {
            read_below(top, &name, entries)?;
            Content::Folder
        } else if meta.is_symlink() {
            Content::Link(fs::read_link(&path)?)
        } else if meta.is_file() {
            Content::File(fs::read(&path)?)
        } else {
            Content::Other
        };
        let (owner, modified) = ((meta.uid(), meta.gid()), (meta.mtime(), meta.mtime_nsec()));
        entries.insert(name, Entry { mode: meta.mode(), owner, modified, content });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::time::{SystemTime, UNIX_EPOCH};

    #[test]
    fn the_first_difference_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        let before = Tree::of(folder.path()).unwrap();
        let set_modified = |time: SystemTime| {
            fs::OpenOptions::new().write(true).open(&file).unwrap().set_modified(time).unwrap();
        };
        let difference = || before.difference(&Tree::of(folder.path()).unwrap());
        assert_eq!(difference(), None);
        let time = fs::metadata(&file).unwrap().modified().unwrap();
        fs::write(&file, "y").unwrap();
        assert_eq!(difference().as_deref(), Some("file has other content"));
        fs::write(&file, "x").unwrap();
        set_modified(UNIX_EPOCH);
        assert_eq!(difference().as_deref(), Some("file has another modification time"));
        set_modified(time);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(difference().as_deref(), Some("file has mode 100600 instead of 100644"));
        fs::remove_file(&file).unwrap();
        assert_eq!(difference().as_deref(), Some("file is gone"));
        fs::create_dir(folder.path().join("a")).unwrap();
        assert_eq!(difference().as_deref(), Some("a is new"));
    }
}
