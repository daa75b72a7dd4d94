//! The guarantee: what holds it while COMMAND runs, and whether it held until the end.
//!
//! A snapshot is guaranteed as long as a process holds `misc/sublock` and has seen
//! `misc/snapshot` since it got the lock.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::limits;
use crate::storage::Storage;
use crate::storage::snapshot_file::Mark;
use crate::system::flock::{FileLock, LockError};
use crate::system::{lock_holders, privileges};
use dsnap_core::{Code, Refusal, text};

/// `misc/sublock`, locked, and the mark that was seen under it.
#[derive(Debug)]
pub struct Guard<'a> {
    storage: &'a Storage,
    sublock: FileLock,
    mark: Mark,
    was_open: bool,
    lock_taken: Option<SystemTime>,
}

/// What COMMAND is told in its environment, and the lock that it inherits.
#[derive(Debug)]
pub struct Environment<'a> {
    /// `SNAPSHOT_DIRECTORY`: the directory as the user gave it.
    pub directory: PathBuf,
    /// `SNAPSHOT_TIMESTAMP`, in seconds since 1970: never later than the state that is seen.
    pub timestamp: u64,
    /// `SNAPSHOT_CODE`: the run's code.
    pub code: Code,
    /// `SNAPSHOT_TID`: the last transaction in `A/`, if it can be read.
    pub tid: Option<[u8; 8]>,
    /// The locked `misc/sublock`, to be inherited.
    pub sublock: &'a fs::File,
}

impl<'a> Guard<'a> {
    /// Locks `misc/sublock`, trying for `patience`, and looks at the mark.
    ///
    /// # Errors
    ///
    /// Somebody holds the lock (waiting helps), or it cannot be opened, or `misc/snapshot` not
    /// be read.
    pub fn lock(storage: &'a Storage, patience: Duration) -> Result<Self, Refusal> {
        let path = storage.sublock();
        let sublock = lock_within(&path, patience)?;
        if !sublock.is_in_place() {
            return Err(Refusal::in_use(format!(
                "{} was replaced while it was locked",
                text::path(&path)
            )));
        }
        let mark = look_at_mark(storage)?;
        let (was_open, lock_taken) =
            (lock_holders::is_held(&storage.lock()), written(&storage.lock()));
        Ok(Self { storage, sublock, mark, was_open, lock_taken })
    }

    /// The mark as it was seen when the lock was taken.
    pub fn mark(&self) -> &Mark {
        &self.mark
    }

    /// The locked file, for COMMAND to inherit.
    pub fn file(&self) -> &fs::File {
        self.sublock.file()
    }

    /// Whether the guarantee held until now.
    ///
    /// # Errors
    ///
    /// It did not: `misc/snapshot` is gone or another one, or the lock file was replaced.
    pub fn check(&self) -> Result<(), Refusal> {
        if !self.sublock.is_in_place() {
            let path = text::path(self.storage.sublock());
            return Err(broken(&format!("{path} was replaced while COMMAND ran")));
        }
        check_mark(self.storage, &self.mark)
    }

    /// Whether a server was started on the closed storage since the lock was taken.
    pub fn server_came_up(&self) -> bool {
        let lock = self.storage.lock();
        let taken = written(&lock);
        let taken_since = taken.is_some() && taken != self.lock_taken;
        !self.was_open && (taken_since || lock_holders::is_held(&lock))
    }
}

/// Whether the mark is still the one that was seen.
///
/// # Errors
///
/// It is not: whatever was copied may be torn.
pub fn check_mark(storage: &Storage, seen: &Mark) -> Result<(), Refusal> {
    let path = text::path(storage.snapshot());
    match Mark::look(&storage.snapshot()) {
        Ok(now) if &now == seen => Ok(()),
        Ok(now) if now.content == seen.content => {
            Err(broken(&format!("{path} was written anew while COMMAND ran")))
        }
        Ok(now) => Err(broken(&format!("{path} was {} and is {} now", seen.content, now.content))),
        Err(error) => Err(broken(&format!("{path} cannot be read any more: {error}"))),
    }
}

fn broken(what: &str) -> Refusal {
    Refusal::new(format!("the guarantee was broken: {what}"))
        .hint("do not trust what COMMAND made; find out who wrote to the storage, and run again")
}

/// Looks at `misc/snapshot`.
///
/// # Errors
///
/// It is there and cannot be read.
pub fn look_at_mark(storage: &Storage) -> Result<Mark, Refusal> {
    let path = storage.snapshot();
    Mark::look(&path).map_err(|error| privileges::no_access(&path, "cannot be read", &error))
}

fn lock_within(path: &Path, patience: Duration) -> Result<FileLock, Refusal> {
    let begin = std::time::Instant::now();
    loop {
        match FileLock::take(path) {
            Ok(lock) => return Ok(lock),
            Err(LockError::Held) if begin.elapsed() < patience => std::thread::sleep(limits::LOOK),
            Err(LockError::Held) => {
                let by = lock_holders::holder(path);
                return Err(Refusal::in_use(format!("{} is held by {by}", text::path(path))));
            }
            Err(LockError::Io(error)) => {
                return Err(privileges::no_access(path, "cannot be locked", &error));
            }
        }
    }
}

fn written(path: &Path) -> Option<SystemTime> {
    let found: io::Result<_> = fs::metadata(path).and_then(|found| found.modified());
    found.ok()
}

/// Whole seconds since 1970, rounded down.
pub fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
