//! Small storages for the unit tests, in format flat.

use std::fs;
use std::os::unix::fs::MetadataExt;

use dsnap_core::method::{Caller, Message};
use dsnap_engine::storage::Storage;

/// Two transactions, the older one first.
pub(crate) const TIDS: [&str; 2] = ["040D31C8F3CE2ECC", "040D31C8F3CE2ECD"];

/// A caller that never wants to stop.
pub(crate) struct NeverStops;

impl Caller for NeverStops {
    fn say(&self, _message: Message<'_>) {}

    fn should_stop(&self) -> bool {
        false
    }
}

/// Makes a storage that a server left without closing it, and that contains only settings.
pub(crate) fn storage() -> (tempfile::TempDir, Storage) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["A", "B", "journal", "misc", "config"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let settings = "[structure]\nformat: flat\nversion: 0.11\n[filesystem]\nsync: 1\n";
    fs::write(folder.path().join("config/settings"), settings).unwrap();
    let storage = Storage::open(folder.path()).unwrap();
    (folder, storage)
}

/// Commits a transaction of one file. The file contains the transaction's name.
pub(crate) fn commit(storage: &Storage, tid: &str, name: &str) {
    let folder = storage.journal().join(format!("working_{tid}_done"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join(name), tid).unwrap();
}

/// Leaves a replica of empty files at these places.
pub(crate) fn replicate(storage: &Storage, places: &[&str]) {
    let owner = fs::metadata(storage.root()).unwrap();
    let mut archive = tar::Builder::new(Vec::new());
    for place in places {
        let mut header = tar::Header::new_ustar();
        header.set_path(place).unwrap();
        header.set_mode(0o640);
        header.set_mtime(1_768_000_000);
        header.set_uid(owner.uid().into());
        header.set_gid(owner.gid().into());
        header.set_size(0);
        header.set_cksum();
        archive.append(&header, std::io::empty()).unwrap();
    }
    fs::write(storage.journal().join("replica.tar"), archive.into_inner().unwrap()).unwrap();
}
