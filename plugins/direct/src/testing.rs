//! Small storages for the unit tests, in format flat.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use dsnap_core::Code;
use dsnap_core::method::{Caller, Entered, Message, Request, SnapshotMethod};
use dsnap_engine::limits;
use dsnap_engine::storage::Storage;

use crate::Direct;

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
    commit_files(storage, tid, &[name]);
}

/// Commits a transaction of several files, which contain its name.
pub(crate) fn commit_files(storage: &Storage, tid: &str, names: &[&str]) {
    let folder = storage.journal().join(format!("working_{tid}_done"));
    fs::create_dir(&folder).unwrap();
    for name in names {
        fs::write(folder.join(name), tid).unwrap();
    }
}

/// Returns the header of an empty file of the storage's owner.
pub(crate) fn header(storage: &Storage, place: &str) -> tar::Header {
    let owner = fs::metadata(storage.root()).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_path(place).unwrap();
    header.set_mode(0o640);
    header.set_mtime(1_768_000_000);
    header.set_uid(owner.uid().into());
    header.set_gid(owner.gid().into());
    header.set_size(0);
    header.set_cksum();
    header
}

/// Leaves a replica of empty files at these places.
pub(crate) fn replicate(storage: &Storage, places: &[&str]) {
    let mut archive = tar::Builder::new(Vec::new());
    for place in places {
        archive.append(&header(storage, place), std::io::empty()).unwrap();
    }
    fs::write(storage.journal().join("replica.tar"), archive.into_inner().unwrap()).unwrap();
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Lets the method meet an archive, and checks what must hold for any archive.
pub(crate) fn enter_with_replica(archive: &[u8]) {
    let (folder, _) = storage();
    // A folder around the storage shows whether the archive writes outside of it.
    let inner = folder.path().join("storage");
    fs::create_dir(&inner).unwrap();
    for name in ["A", "B", "journal", "misc", "config"] {
        fs::rename(folder.path().join(name), inner.join(name)).unwrap();
    }
    let storage = Storage::open(&inner).unwrap();
    fs::write(storage.config().join("snapshot.conf"), "ours").unwrap();
    fs::write(storage.snapshot(), "user/old-1").unwrap();
    fs::write(storage.journal().join("replica.tar"), archive).unwrap();
    let code = Code::from_bytes(b"test-1").unwrap();
    let entered = Direct.enter(&Request {
        storage: &inner,
        conf_folder: &inner,
        words: &[],
        code: &code,
        time_left: None,
        leave_time: limits::LEAVE_TIMEOUT,
        snapshot_seen: false,
        caller: &NeverStops,
    });
    assert_eq!(names_in(folder.path()), BTreeSet::from(["storage".to_owned()]));
    assert_eq!(fs::read(storage.config().join("snapshot.conf")).unwrap(), b"ours");
    let in_misc = ["lock", "sublock", "snapshot", "replica.previous"].map(str::to_owned);
    assert!(names_in(&storage.misc()).is_subset(&BTreeSet::from(in_misc)));
    match entered {
        Entered::Done => assert_eq!(fs::read(storage.snapshot()).unwrap(), b"shutdown"),
        Entered::Refused(_) => assert_eq!(fs::read(storage.snapshot()).unwrap(), b"user/old-1"),
        Entered::Failed(_) => assert!(!storage.snapshot().exists()),
        other => panic!("{other:?}"),
    }
}

/// What a replica may look like.
pub(crate) fn a_replica() -> Vec<u8> {
    let (_folder, storage) = storage();
    replicate(&storage, &["A/x.oid", "A/o0/12/c", "config/identity"]);
    fs::read(storage.journal().join("replica.tar")).unwrap()
}
