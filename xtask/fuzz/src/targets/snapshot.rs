//! `misc/snapshot`.

use std::fs;

use dsnap_core::Code;
use dsnap_engine::limits::MAX_SNAPSHOT_FILE;
use dsnap_engine::storage::Storage;
use dsnap_engine::storage::snapshot_file::{Content, SnapshotFile};

use super::storage::{Site, code};
use crate::shown::check_line;
use crate::target::Target;

pub(crate) const TARGET: Target = Target {
    name: "snapshot",
    property: "misc/snapshot: no byte is lost, and a code matches only exactly user/CODE",
    check,
    longest: 256,
};

thread_local! {
    static STORAGE: (Site, Storage) = {
        let site = Site::new();
        let storage = site.storage();
        (site, storage)
    };
}

fn check(bytes: &[u8]) {
    let file = STORAGE.with(|(_, storage)| {
        fs::write(storage.snapshot(), bytes).unwrap();
        SnapshotFile::read(storage).unwrap()
    });
    let read = &bytes[..bytes.len().min(MAX_SNAPSHOT_FILE as usize)];
    assert_eq!(file.content, Content::of(read));
    assert_eq!(bytes_of(&file.content), read);
    check_line(&file.content.to_string());
    let codes = [Some(code()), Code::from_bytes(bytes), Code::from_file(bytes)];
    for code in codes.into_iter().flatten() {
        let holds = read == format!("user/{code}").as_bytes();
        assert_eq!(file.is_held_by(&code), holds, "{code}");
        assert_eq!(file.may_be_held_by(&code), holds || read.is_empty(), "{code}");
    }
}

/// Returns the bytes that a content was read from.
fn bytes_of(content: &Content) -> Vec<u8> {
    match content {
        Content::Absent | Content::NotAFile => panic!("the file exists"),
        Content::Empty => Vec::new(),
        Content::Shutdown => b"shutdown".to_vec(),
        Content::Packing => b"packing".to_vec(),
        Content::User(code) => [b"user/", &**code].concat(),
        Content::Other(bytes) => bytes.clone(),
    }
}
