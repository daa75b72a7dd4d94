//! Where libraries are looked for, and whether a library may be loaded.
//!
//! The rule about who may be able to change a file is `dsnap_engine::system::trust`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use dsnap_core::Reason;
use dsnap_engine::system::{trust, users};

/// The folders in which libraries are looked for, in order.
#[derive(Debug, Default)]
pub(crate) struct SearchPath {
    folders: Vec<PathBuf>,
}

impl SearchPath {
    pub(crate) fn new(folders: Vec<PathBuf>) -> Self {
        Self { folders }
    }

    pub(crate) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Finds the library for a method's name: the first one that exists.
    pub(crate) fn find(&self, name: &str) -> Option<PathBuf> {
        let files = self.folders.iter().map(|folder| folder.join(file_name(name)));
        // A library that may not be loaded, or a folder that cannot be read, is not skipped: the
        // user may mean this one. Loading it then fails with the reason.
        let absent = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
        files.into_iter().find(|file| {
            file.symlink_metadata().map_or_else(|error| !absent.contains(&error.kind()), |_| true)
        })
    }

    /// Lists the libraries in the folders by their file names: the method's name, and the file. Of
    /// several libraries for one method only the first is used, so only that one is listed.
    pub(crate) fn list(&self) -> Vec<(String, PathBuf)> {
        let mut found: Vec<(String, PathBuf)> = Vec::new();
        for folder in &self.folders {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let mut here: Vec<_> = entries
                .filter_map(|entry| Some((method_name(entry.file_name().to_str()?)?, entry.path())))
                .filter(|(name, _)| !found.iter().any(|(known, _)| known == name))
                .collect();
            here.sort();
            found.extend(here);
        }
        found
    }
}

fn file_name(method: &str) -> String {
    format!("libdsnap_{method}.so")
}

fn method_name(file: &str) -> Option<String> {
    Some(file.strip_prefix("libdsnap_")?.strip_suffix(".so")?.to_owned())
}

/// Opens a file that only root and the effective user can change.
///
/// # Errors
///
/// Another user can change the file, or it cannot be opened.
pub(crate) fn open_trusted(path: &Path) -> Result<File, Reason> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    trust::open_writable_only_by(&path, users::effective_user())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_first_folder_with_a_library_is_used() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(two.path().join("libdsnap_lvm.so"), "").unwrap();
        let search = SearchPath::new(vec![one.path().into(), two.path().into()]);
        assert_eq!(search.find("lvm"), Some(two.path().join("libdsnap_lvm.so")));
        fs::write(one.path().join("libdsnap_lvm.so"), "").unwrap();
        assert_eq!(search.find("lvm"), Some(one.path().join("libdsnap_lvm.so")));
        assert_eq!(search.find("zfs"), None);
        assert_eq!(search.list(), [("lvm".to_owned(), one.path().join("libdsnap_lvm.so"))]);
    }

    #[test]
    fn only_files_named_like_a_library_are_listed() {
        for name in ["libfoo.so", "dsnap_x.so", "libdsnap_x.so.1", "README"] {
            assert_eq!(method_name(name), None, "{name}");
        }
    }
}
