//! A storage without settings, for the unit tests of this crate.

use std::fs;

use crate::storage::Storage;

/// Makes the folders of a storage.
pub(crate) fn storage() -> (tempfile::TempDir, Storage) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["A", "B", "journal", "misc", "config"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let storage = Storage::open(folder.path()).unwrap();
    (folder, storage)
}
