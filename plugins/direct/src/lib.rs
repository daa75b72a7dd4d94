//! The method `direct`: it does to a storage that nobody has open what the original does when
//! it opens and closes it: roll everything forward into `A/`, and mark it as a snapshot.
//!
//! `survey` looks before anything is touched, `recovery` holds the order in which things are
//! done, `journal` knows what belongs into a journal, `moving` moves files, `replica` knows the
//! replication tool's archive, and `durability` what reaches the disk. At every moment in
//! between the storage is one from which the original's recovery reaches the same end.
//!
//! Deliberately elsewhere: whether COMMAND may run afterwards (`dsnap-core`'s freshness).
#![forbid(unsafe_code)]

mod durability;
mod journal;
mod moving;
mod recovery;
mod replica;
mod survey;
#[cfg(test)]
mod testing;

use std::io;
use std::path::Path;

use dsnap_core::Reason;
use dsnap_core::method::{Entered, Left, Request, SnapshotMethod, Status, WorksWith};
use dsnap_core::text;
use dsnap_engine::storage::Storage;
use dsnap_engine::system::access;
use dsnap_engine::system::flock::{FileLock, LockError};
use dsnap_engine::system::lock_holders;

use crate::survey::Survey;

/// Direct access to the files of a storage that nobody has open.
#[derive(Debug, Clone, Copy, Default)]
pub struct Direct;

impl SnapshotMethod for Direct {
    fn name(&self) -> &str {
        "direct"
    }

    fn works_with(&self) -> WorksWith {
        WorksWith::Nobody
    }

    fn label(&self, _line: &str) -> String {
        "direct access".to_owned()
    }

    fn enter(&self, request: &Request<'_>) -> Entered {
        let storage = match Storage::open(request.storage) {
            Ok(storage) => storage,
            Err(refusal) => return Entered::Refused(refusal),
        };
        // Whoever opens a storage takes the main lock first: so do we.
        let (lock, sublock) = match take_locks(&storage) {
            Ok(locks) => locks,
            Err(entered) => return entered,
        };
        let survey = match Survey::take(&storage) {
            Ok(survey) => survey,
            Err(refusal) => return Entered::Refused(refusal),
        };
        let recovered =
            if survey.is_clean() { Ok(()) } else { recovery::recover(&survey, request.caller) };
        drop(sublock);
        drop(lock);
        recovered.map_or_else(Entered::Failed, |()| Entered::Done)
    }

    /// There is never anything to leave: the storage is closed.
    fn leave(&self, _request: &Request<'_>) -> Left {
        Left::Left
    }

    fn status(&self, request: &Request<'_>) -> Status {
        match Storage::open(request.storage) {
            Ok(storage) if lock_holders::is_held(&storage.lock()) => {
                Status::Unavailable(is_open(&storage))
            }
            Ok(storage) => match Survey::take(&storage) {
                Ok(_) => Status::CouldEnter,
                Err(refusal) => Status::Refused(refusal),
            },
            Err(refusal) => Status::Refused(refusal),
        }
    }
}

/// What to do about a recovery that stopped.
const AGAIN: &str = "remove the cause and run dsnap again: it goes on where it stopped";

fn take_locks(storage: &Storage) -> Result<(FileLock, FileLock), Entered> {
    let lock = FileLock::take(&storage.lock()).map_err(|error| match error {
        LockError::Held => Entered::Unavailable(is_open(storage)),
        LockError::Io(error) => cannot_lock(&storage.lock(), &error),
    })?;
    let sublock = FileLock::take(&storage.sublock()).map_err(|error| match error {
        LockError::Held => {
            let by = lock_holders::holder(&storage.sublock());
            Entered::Busy(Reason::new(format!("a snapshot of the storage is in use by {by}")))
        }
        LockError::Io(error) => cannot_lock(&storage.sublock(), &error),
    })?;
    Ok((lock, sublock))
}

fn is_open(storage: &Storage) -> Reason {
    let by = lock_holders::holder(&storage.lock());
    Reason::new(format!("the storage is open in {by}"))
        .hint("direct access works only while no process has the storage open; snapshot.conf needs a line that asks that one")
}

fn cannot_lock(path: &Path, error: &io::Error) -> Entered {
    Entered::Refused(access::path_error(path, "cannot be locked", error))
}

/// A failure in the middle of a recovery: what happened, and what that means.
pub(crate) fn stuck(what: impl std::fmt::Display) -> Reason {
    unfinished(what).hint(AGAIN)
}

/// The same because of an error on a path. If a right is missing, its cure is the first hint.
pub(crate) fn stuck_at(doing: &str, path: &Path, error: &io::Error) -> Reason {
    let missing = match error.kind() {
        // What the survey looked at may have changed since.
        io::ErrorKind::PermissionDenied => {
            let folder = path.ancestors().skip(1).find(|folder| folder.exists());
            folder.and_then(|folder| access::check_can_change_entries(folder).err())
        }
        _ => None,
    };
    let Some(missing) = missing else { return stuck(format!("{doing} {}", on(path, error))) };
    let refusal = unfinished(format!("{doing} {}: {}", text::path(path), missing.text()));
    missing.hints().iter().fold(refusal, Reason::hint).hint(AGAIN)
}

fn unfinished(what: impl std::fmt::Display) -> Reason {
    Reason::new(format!(
        "{what}; nothing is lost, but the storage is no snapshot until it is rolled forward"
    ))
}

/// `PATH: ERROR`.
pub(crate) fn on(path: &Path, error: impl std::fmt::Display) -> String {
    format!("{}: {}", text::path(path), text::harmless(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_that_is_missing_half_way_is_named_with_its_cure() {
        // Even root cannot make files there.
        let path = Path::new("/proc/sys/file");
        let refusal = stuck_at("making", path, &io::ErrorKind::PermissionDenied.into());
        let begin = "making /proc/sys/file: /proc/sys cannot be changed by user ";
        assert!(refusal.text().starts_with(begin), "{refusal}");
        assert!(refusal.text().contains("; nothing is lost, but "), "{refusal}");
        assert!(refusal.hints()[0].ends_with(" /proc/sys"), "{refusal}");
        assert_eq!(refusal.hints()[1], AGAIN);
    }

    #[test]
    fn another_failure_half_way_has_only_the_error() {
        let error = io::Error::from(io::ErrorKind::IsADirectory);
        let refusal = stuck_at("making", Path::new("/proc/sys/file"), &error);
        assert!(refusal.text().starts_with("making /proc/sys/file: is a directory; "), "{refusal}");
        assert_eq!(refusal.hints(), [AGAIN]);
    }
}
