//! What the files of the storage say: the truth that a method's words are compared with.

use std::fmt;

use dsnap_core::Code;
use dsnap_core::text::Harmless;
use dsnap_engine::storage::Storage;
use dsnap_engine::storage::snapshot_file::{Content, SnapshotFile};
use dsnap_engine::system::lock_holders;

/// What `misc/snapshot` says, and whether a server has the storage open.
#[derive(Debug)]
pub(super) struct Sight {
    content: Option<Content>,
    open: bool,
}

impl Sight {
    pub(super) fn of(storage: &Storage) -> Self {
        let open = lock_holders::is_held(&storage.lock());
        Self {
            content: SnapshotFile::read(&storage.snapshot()).ok().map(|mark| mark.content),
            open,
        }
    }

    /// A snapshot under that code.
    pub(super) fn is_held_by(&self, code: &Code) -> bool {
        matches!(&self.content, Some(Content::User(held)) if held == code.as_str().as_bytes())
    }

    /// Closed cleanly, and nobody has it open.
    pub(super) fn is_closed(&self) -> bool {
        self.content == Some(Content::Shutdown) && !self.open
    }
}

impl fmt::Display for Sight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = if self.open { "a server has the storage open" } else { "no server runs" };
        match &self.content {
            Some(Content::Absent) => write!(f, "there is no misc/snapshot"),
            Some(Content::User(code)) => write!(f, "misc/snapshot says user/{}", Harmless(code)),
            Some(Content::Packing) => write!(f, "misc/snapshot says packing"),
            Some(Content::Shutdown) => write!(f, "misc/snapshot says shutdown and {open}"),
            Some(Content::Empty) => write!(f, "misc/snapshot is empty"),
            _ => write!(f, "misc/snapshot says something strange"),
        }
    }
}
