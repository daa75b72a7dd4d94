//! A replica whose files and folders have modes and times that no default gives.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};

use dsnap_testkit::Fixture;
use tar::EntryType;

/// Writes a replica whose folders come before what is in them, as tar writes them.
pub(crate) fn write_replica_with_folders(fixture: &Fixture) {
    let owner = fs::metadata(fixture.path()).unwrap();
    let mut archive = tar::Builder::new(Vec::new());
    for (name, mode, time, kind) in IN_REPLICA {
        let mut header = tar::Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_mtime(time);
        header.set_uid(owner.uid().into());
        header.set_gid(owner.gid().into());
        header.set_size(0);
        header.set_cksum();
        archive.append(&header, std::io::empty()).unwrap();
    }
    let path = fixture.storage().journal().join("replica.tar");
    fs::write(&path, archive.into_inner().unwrap()).unwrap();
    chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
}

/// What is in it: name, mode, time of the last change, kind.
const IN_REPLICA: [(&str, u32, u64, EntryType); 4] = [
    ("A/o7", 0o775, 1_768_000_000, EntryType::Directory),
    ("A/o7/77", 0o750, 1_768_000_001, EntryType::Directory),
    ("A/o7/77/c", 0o604, 1_768_000_002, EntryType::Regular),
    ("A/o7/77/d", 0o660, 1_768_000_003, EntryType::Regular),
];

/// Asserts that mode and time of everything in the replica arrived.
#[track_caller]
pub(crate) fn assert_like_the_replica(fixture: &Fixture) {
    for (name, mode, time, _) in IN_REPLICA {
        let found = fs::metadata(fixture.path().join(name)).unwrap();
        assert_eq!((found.mode() & 0o7777, found.mtime()), (mode, time.cast_signed()), "{name}");
    }
}
