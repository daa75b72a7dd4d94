//! What a successful try hands on: the locked snapshot, and what must be left afterwards.

use std::time::SystemTime;

use dsnap_core::Code;

use crate::run::environment::CommandSnapshot;
use crate::run::leave::EnteredSnapshot;
use crate::storage::Storage;
use crate::storage::snapshot_lock::{self, SnapshotLock};

/// A fresh snapshot whose lock this process holds, and what must be left afterwards.
#[derive(Debug)]
pub(crate) struct Snapshot<'a> {
    // Dropped in this order: a server cannot leave the snapshot while the lock is held.
    pub(crate) lock: SnapshotLock<'a>,
    pub(crate) entered: Option<EnteredSnapshot<'a>>,
    /// The label of the line that entered, if one did.
    pub(crate) entered_by: Option<String>,
    /// Never later than the state in `A/`.
    pub(crate) timestamp: SystemTime,
    /// Whether a server had the storage open when it was locked.
    pub(crate) was_open: bool,
    /// The last transaction in `A/`, if it can be read.
    pub(crate) tid: Option<[u8; 8]>,
}

impl<'a> Snapshot<'a> {
    /// Describes the snapshot that is locked, as one that nobody entered for this run.
    pub(crate) fn new(
        storage: &Storage,
        lock: SnapshotLock<'a>,
        was_open: bool,
        timestamp: SystemTime,
    ) -> Self {
        let tid = storage.last_transaction();
        Self { lock, entered: None, entered_by: None, timestamp, was_open, tid }
    }
}

impl Snapshot<'_> {
    /// Describes the snapshot to COMMAND.
    pub(crate) fn for_command(&self, storage: &Storage, code: &Code) -> CommandSnapshot<'_> {
        CommandSnapshot {
            directory: storage.given().to_owned(),
            timestamp: snapshot_lock::seconds(self.timestamp),
            code: code.clone(),
            tid: self.tid,
            sublock: self.lock.file(),
        }
    }
}
