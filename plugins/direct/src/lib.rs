//! The method `direct`: it recovers a storage that no process has open, and closes it.
//!
//! It does to the files what a server does when it opens and closes the storage: it rolls every
//! committed transaction forward into `A/`, and marks `A/` as a snapshot in `misc/snapshot`. At each
//! moment in between, the original's recovery would reach the same end state.
//!
//! Each file uses only files that stand below it:
//!
//! | file | what it is | uses |
//! |---|---|---|
//! | `lib` | the method: a look, locks, survey, recovery | survey, replica, recovery |
//! | `recovery` | the order of the changes | survey, unpack, moving, batch, journal, listing, snapshot_file, progress, sync |
//! | `survey` | the look before the first change | replica, preflight, batch, journal, workers, listing, names |
//! | `replica` | looks at `journal/replica.tar` | archive, attributes, preflight, listing |
//! | `unpack` | unpacks `journal/replica.tar` | replica, archive, attributes, destination, progress, sync |
//! | `archive` | reads and checks the members of an archive | attributes, listing |
//! | `attributes` | owner, mode and time of a replica's files | – |
//! | `preflight` | checks permissions, and that nothing is in the way | destination, listing, recent |
//! | `moving` | moves files from `B/` and the journal into `A/` | destination, batch, journal, workers, listing, progress |
//! | `destination` | opens and makes the folders into which files go | recent |
//! | `batch` | reads the files of the journal, a bounded number at a time | journal, listing |
//! | `journal` | folders of committed transactions | names |
//! | `workers` | shares work among threads, if there is much | listing |
//! | `listing` | reads folders piece by piece | – |
//! | `names` | a list of many names, in little memory | – |
//! | `recent` | what was found at the last places | – |
//! | `snapshot_file` | removes and writes `misc/snapshot` | sync |
//! | `progress` | reports progress, and stops on request | – |
//! | `sync` | what a failed sync means | – |
//! | `reasons` | error texts that all of them share | – |
//!
//! Everything is reached through the descriptors of the storage's folders, and no symbolic link below
//! them is followed. No path is opened or changed.
//!
//! Deliberately elsewhere: whether COMMAND may run afterwards (`dsnap-engine`'s freshness).
#![forbid(unsafe_code)]

mod archive;
mod attributes;
mod batch;
mod destination;
mod journal;
mod listing;
mod moving;
mod names;
mod preflight;
mod progress;
mod reasons;
mod recent;
mod recovery;
mod replica;
mod snapshot_file;
mod survey;
mod sync;
#[cfg(test)]
mod testing;
mod unpack;
mod workers;

use std::ffi::OsString;
use std::io;

use dsnap_core::Reason;
use dsnap_core::method::{CheckedLine, Entered, Left, Request, SnapshotMethod, Status, WorksWith};
use dsnap_engine::storage::{Storage, main_lock, snapshot_lock};
use dsnap_engine::system::flock::{FileLock, LockError};
use dsnap_engine::system::lock_holders;

use crate::survey::{Survey, keep_looking};

/// Direct access to the files of a storage that no process has open.
#[derive(Debug, Clone, Copy, Default)]
pub struct Direct;

impl SnapshotMethod for Direct {
    fn name(&self) -> &str {
        "direct"
    }

    fn works_with(&self) -> WorksWith {
        WorksWith::Nobody
    }

    fn runs_code(&self) -> bool {
        false
    }

    fn check_words(&self, words: &[OsString]) -> Result<CheckedLine, Reason> {
        Ok(CheckedLine::of(words).with_label("direct access"))
    }

    fn enter(&self, request: &Request<'_>) -> Entered {
        let storage = match Storage::open(request.storage) {
            Ok(storage) => storage,
            Err(reason) => return Entered::Refused(reason),
        };
        let looked = replica::look_before_locking(&storage, &|| keep_looking(request.caller));
        if let Err(reason) = looked {
            return Entered::Failed(reason);
        }
        let (lock, sublock) = match take_locks(&storage) {
            Ok(locks) => locks,
            Err(entered) => return entered,
        };
        let survey = match Survey::take(&storage, request.caller) {
            Ok(survey) => survey,
            Err(reason) if request.caller.should_stop() => return Entered::Failed(reason),
            Err(reason) => return Entered::Refused(reason),
        };
        let recovered =
            if survey.is_clean() { Ok(()) } else { recovery::recover(survey, request.caller) };
        drop(sublock);
        drop(lock);
        recovered.map_or_else(Entered::Failed, |()| Entered::Done)
    }

    /// Does nothing: `enter` closed the storage, and there is nothing to leave.
    fn leave(&self, _request: &Request<'_>) -> Left {
        Left::Left
    }

    fn status(&self, request: &Request<'_>) -> Status {
        match Storage::open(request.storage) {
            Ok(storage) if lock_holders::is_held(&storage.lock()) => {
                Status::Unavailable(storage_is_open(&storage))
            }
            Ok(storage) => match Survey::take(&storage, request.caller) {
                Ok(_) => Status::CouldEnter,
                Err(_) if request.caller.should_stop() => Status::CannotTell,
                Err(reason) => Status::Refused(reason),
            },
            Err(reason) => Status::Refused(reason),
        }
    }
}

/// Locks `misc/lock`, then `misc/sublock`, in the order in which a server does.
fn take_locks(storage: &Storage) -> Result<(FileLock, FileLock), Entered> {
    let lock = storage.take_lock(main_lock::NAME).map_err(|error| match error {
        LockError::Held => Entered::Unavailable(storage_is_open(storage)),
        // Not to be allowed to lock matters only while nobody else has the lock.
        LockError::Io(_) if lock_holders::is_held(&storage.lock()) => {
            Entered::Unavailable(storage_is_open(storage))
        }
        LockError::Io(error) => cannot_lock(storage, main_lock::NAME, &error),
    })?;
    let sublock = storage.take_lock(snapshot_lock::SUBLOCK).map_err(|error| match error {
        LockError::Held => {
            let holder = lock_holders::holder(&storage.sublock());
            Entered::Busy(Reason::new(format!("a snapshot of the storage is in use by {holder}")))
        }
        LockError::Io(error) => cannot_lock(storage, snapshot_lock::SUBLOCK, &error),
    })?;
    Ok((lock, sublock))
}

fn storage_is_open(storage: &Storage) -> Reason {
    let holder = lock_holders::holder(&storage.lock());
    Reason::new(format!("the storage is open in {holder}"))
        .hint("direct access works only while no process has the storage open; add a line to snapshot.conf that asks this process")
}

fn cannot_lock(storage: &Storage, name: &str, error: &io::Error) -> Entered {
    Entered::Refused(storage.folders().misc.error(name, "cannot be locked", error))
}

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
