//! What the storage's files show: the truth that a method's results are compared with.

use std::fmt;

use dsnap_core::Code;
use dsnap_core::text::Harmless;
use dsnap_engine::storage::Storage;
use dsnap_engine::storage::snapshot_file::{Content, SnapshotFile};
use dsnap_engine::system::lock_holders;

/// The content of `misc/snapshot`, and whether a server has the storage open.
#[derive(Debug)]
pub(super) struct Observation {
    /// `None` if the file cannot be read.
    content: Option<Content>,
    open: bool,
}

impl Observation {
    /// Reads the files of a storage.
    pub(super) fn of(storage: &Storage) -> Self {
        let open = lock_holders::is_held(&storage.lock());
        let file = SnapshotFile::read(storage).ok();
        Self { content: file.map(|file| file.content), open }
    }

    /// Tells whether the storage is in a snapshot under that code.
    pub(super) fn is_held_by(&self, code: &Code) -> bool {
        matches!(&self.content, Some(Content::User(held)) if held == code.as_str().as_bytes())
    }

    /// Tells whether the storage was closed cleanly and no server has it open.
    pub(super) fn is_closed(&self) -> bool {
        self.content == Some(Content::Shutdown) && !self.open
    }
}

impl fmt::Display for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = if self.open { "a server has the storage open" } else { "no server runs" };
        match &self.content {
            Some(Content::Absent) => write!(f, "misc/snapshot does not exist"),
            Some(Content::User(code)) => {
                write!(f, "misc/snapshot contains user/{}", Harmless(code))
            }
            Some(Content::Packing) => write!(f, "misc/snapshot contains packing"),
            Some(Content::Shutdown) => write!(f, "misc/snapshot contains shutdown, and {open}"),
            Some(Content::Empty) => write!(f, "misc/snapshot is empty"),
            Some(_) => write!(f, "misc/snapshot contains no code that a server writes"),
            None => write!(f, "misc/snapshot cannot be read"),
        }
    }
}
