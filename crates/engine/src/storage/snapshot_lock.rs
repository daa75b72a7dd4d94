//! The guarantee: `misc/sublock` is locked while COMMAND runs, and is checked again at the end.
//!
//! A snapshot is guaranteed as long as a process holds `misc/sublock` and has seen `misc/snapshot`
//! since it got the lock.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dsnap_core::{Reason, text};

use crate::failure::Failure;
use crate::limits;
use crate::storage::Storage;
use crate::storage::main_lock::LockStamp;
use crate::storage::snapshot_file::SnapshotFile;
use crate::system::flock::{FileLock, LockError};
use crate::system::lock_holders;

/// The name of the file in `misc/`.
pub const SUBLOCK: &str = "sublock";

/// `misc/sublock`, locked, and what `misc/snapshot` was then.
#[derive(Debug)]
pub struct SnapshotLock<'a> {
    storage: &'a Storage,
    sublock: FileLock,
    seen: SnapshotFile,
    stamp: Option<LockStamp>,
}

impl<'a> SnapshotLock<'a> {
    /// Locks `misc/sublock`, trying for `timeout`, and reads `misc/snapshot`.
    ///
    /// # Errors
    ///
    /// Another process holds the lock, the lock file cannot be opened, or `misc/snapshot` cannot be
    /// read.
    pub fn lock(storage: &'a Storage, timeout: Duration) -> Result<Self, Failure> {
        let sublock = lock_within(storage, timeout)?;
        if !sublock.is_in_place() {
            let path = text::path(storage.sublock());
            return Err(Failure::in_use(format!("{path} was replaced while it was locked")));
        }
        let seen = read_snapshot_file(storage)?;
        Ok(Self { storage, sublock, seen, stamp: LockStamp::of(storage) })
    }

    /// Returns `misc/snapshot` as it was when the lock was taken.
    pub fn snapshot_file(&self) -> &SnapshotFile {
        &self.seen
    }

    /// Returns the locked file, for COMMAND to inherit.
    pub fn file(&self) -> &fs::File {
        self.sublock.file()
    }

    /// Checks that the guarantee has held until now.
    ///
    /// # Errors
    ///
    /// `misc/snapshot` is gone or has changed, or the lock file was replaced.
    pub fn check(&self) -> Result<(), Reason> {
        if !self.sublock.is_in_place() {
            let path = text::path(self.storage.sublock());
            return Err(broken(&format!("{path} was replaced while COMMAND ran")));
        }
        check_unchanged(self.storage, &self.seen)
    }

    /// Says whether another server has taken `misc/lock` since this lock was taken. A server that is
    /// started now can leave no snapshot until it is restarted.
    pub fn main_lock_was_taken(&self) -> bool {
        self.stamp.is_some_and(|stamp| stamp.has_changed(self.storage))
    }
}

/// Checks that `misc/snapshot` is still as it was seen.
///
/// # Errors
///
/// It has changed, so a copy made meanwhile may be incomplete.
pub fn check_unchanged(storage: &Storage, seen: &SnapshotFile) -> Result<(), Reason> {
    let path = text::path(storage.snapshot());
    match SnapshotFile::read(storage) {
        Ok(now) if &now == seen => Ok(()),
        Ok(now) if now.content == seen.content => {
            Err(broken(&format!("{path} was rewritten while COMMAND ran")))
        }
        Ok(now) => Err(broken(&format!("{path} was {} and is {} now", seen.content, now.content))),
        Err(error) => {
            let error = text::error(&error);
            Err(broken(&format!("{path} cannot be read any more: {error}")))
        }
    }
}

fn broken(what: &str) -> Reason {
    Reason::new(format!("the guarantee was broken: {what}"))
        .hint("do not trust what COMMAND made; find out who wrote to the storage, and run again")
}

/// Reads `misc/snapshot`.
///
/// # Errors
///
/// It exists and cannot be read.
pub fn read_snapshot_file(storage: &Storage) -> Result<SnapshotFile, Reason> {
    let misc = &storage.folders().misc;
    SnapshotFile::read(storage).map_err(|error| misc.error("snapshot", "cannot be read", &error))
}

fn lock_within(storage: &Storage, timeout: Duration) -> Result<FileLock, Failure> {
    let begin = std::time::Instant::now();
    loop {
        match storage.take_lock(SUBLOCK) {
            Ok(lock) => return Ok(lock),
            Err(LockError::Held) if begin.elapsed() < timeout => {
                std::thread::sleep(limits::FILE_POLL_INTERVAL)
            }
            Err(LockError::Held) => return Err(in_use(storage)),
            Err(LockError::Io(error)) => {
                let misc = &storage.folders().misc;
                return Err(misc.error(SUBLOCK, "cannot be locked", &error).into());
            }
        }
    }
}

/// Says who holds `misc/sublock`.
pub(crate) fn in_use(storage: &Storage) -> Failure {
    let root = text::path(storage.root());
    let by = lock_holders::holder(&storage.sublock());
    let what = format!("a snapshot of {root} is in use: misc/sublock is held by {by}");
    Failure::in_use(what).hint(by.wait_or_end())
}

/// Returns whole seconds since 1970, rounded down.
pub fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
