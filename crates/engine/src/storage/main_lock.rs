//! `misc/lock`: does a server have the storage open?
//!
//! `MainLock` tries to lock the file. While a server holds the lock, a trial disturbs nobody. But if a trial
//! gets the lock, a server that starts in this moment fails. So after such a trial, there is no other one
//! before `MainLock::allow_trial`: until then, `/proc/locks` shows whether a server has been started.
//!
//! `/proc/locks` is not read first, because the kernel takes 10 to 20 ms for the first answer.

use std::cell::Cell;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, UNIX_EPOCH};

use crate::storage::Storage;
use crate::storage::snapshot_file::SnapshotFile;
use crate::system::flock::{self, LockState};
use crate::system::lock_holders;

/// The name of the lock file in `misc/`.
pub const NAME: &str = "lock";

/// Whether a server has the storage open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Openness {
    /// A process holds `misc/lock`.
    Open,
    /// No process does, on any machine that can reach the storage.
    Closed,
    /// Not known: locks may not reach other machines, or the lock cannot be tried.
    Unknown,
}

/// Which file `misc/lock` was at one moment, and when it was last written. A process that takes the
/// lock writes its pid into the file, so the stamp shows a restart of the server.
///
/// A stamp is compared with other stamps only, never with a clock. The machine that wrote the file may
/// have another time, and clocks are set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockStamp {
    /// The inode of the file; 0 if there was none.
    pub(crate) inode: u64,
    /// The whole seconds of its time, since 1970.
    pub(crate) seconds: i64,
    /// The rest of its time, in nanoseconds.
    pub(crate) nanoseconds: i64,
}

impl LockStamp {
    /// The stamp while there is no file.
    const ABSENT: Self = Self { inode: 0, seconds: 0, nanoseconds: 0 };

    /// Takes the present stamp; `None` if the file cannot be looked at.
    pub fn of(storage: &Storage) -> Option<Self> {
        match storage.folders().misc.look(NAME) {
            Ok(found) => Some(Self::of_file(&found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Self::ABSENT),
            Err(_) => None,
        }
    }

    fn of_file(found: &Metadata) -> Self {
        Self { inode: found.ino(), seconds: found.mtime(), nanoseconds: found.mtime_nsec() }
    }

    /// Says whether another process is known to have taken the lock since. If the file is gone, no
    /// process has.
    pub(crate) fn has_changed(self, storage: &Storage) -> bool {
        Self::of(storage).is_some_and(|now| now != self && now != Self::ABSENT)
    }

    /// Says whether the lock was taken after `misc/snapshot` was written. Both times come from the
    /// same file system.
    pub(crate) fn is_later_than(self, file: &SnapshotFile) -> bool {
        let seconds = u64::try_from(self.seconds).ok().map(Duration::from_secs);
        let rest = u64::try_from(self.nanoseconds).ok().map(Duration::from_nanos);
        let taken = seconds.zip(rest).and_then(|(time, rest)| UNIX_EPOCH.checked_add(time + rest));
        let written = file.modified();
        taken.is_some() && written.is_some() && taken > written
    }
}

/// The lock that a server holds for as long as it has the storage open.
#[derive(Debug)]
pub(crate) struct MainLock {
    storage: Storage,
    reaches_other_machines: bool,
    /// Whether a trial got the lock since [`allow_trial`](Self::allow_trial).
    was_free: Cell<bool>,
}

impl MainLock {
    /// Makes the lock of a storage. `reaches_other_machines` says whether locks on its file system are known to
    /// reach other machines.
    pub(crate) fn of(storage: &Storage, reaches_other_machines: bool) -> Self {
        Self { storage: storage.clone(), reaches_other_machines, was_free: Cell::new(false) }
    }

    /// Says whether a lock that is free here is known to be free on every machine.
    pub(crate) fn reaches_other_machines(&self) -> bool {
        self.reaches_other_machines
    }

    /// Says whether a server has the storage open.
    pub(crate) fn openness(&self) -> Openness {
        if self.reaches_other_machines && !self.was_free.get() {
            match self.try_state() {
                LockState::Held => return Openness::Open,
                LockState::Free => {
                    self.was_free.set(true);
                    return Openness::Closed;
                }
                LockState::Unknown => {}
            }
        }
        match lock_holders::is_held(&self.storage.lock()) {
            true => Openness::Open,
            false if self.was_free.get() => Openness::Closed,
            false => Openness::Unknown,
        }
    }

    fn try_state(&self) -> LockState {
        flock::try_state(&self.storage.folders().misc, NAME)
    }

    /// Allows one more trial that gets the lock: too much has happened since the last one for its result to
    /// count.
    pub(crate) fn allow_trial(&self) {
        self.was_free.set(false);
    }

    /// Says whether a server has the storage open that was started after `misc/snapshot` was written.
    /// A server removes that file when it starts, unless another process holds `misc/sublock`.
    pub(crate) fn was_taken_after(&self, file: &SnapshotFile) -> bool {
        self.openness() == Openness::Open
            && LockStamp::of(&self.storage).is_some_and(|stamp| stamp.is_later_than(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::testing::storage;
    use crate::system::flock::FileLock;
    use std::fs;

    #[test]
    fn a_server_is_noticed_when_it_ends_and_when_it_is_started_again() {
        let (_folder, storage) = storage();
        let lock = MainLock::of(&storage, true);
        for _ in 0..2 {
            let server = FileLock::take(&storage.lock()).unwrap();
            assert_eq!(lock.openness(), Openness::Open);
            drop(server);
            assert_eq!(lock.openness(), Openness::Closed);
        }
    }

    #[test]
    fn a_lock_that_was_free_is_not_tried_again_until_another_trial_is_allowed() {
        let (_folder, storage) = storage();
        let lock = MainLock::of(&storage, true);
        assert_eq!(lock.openness(), Openness::Closed);
        // From now on a trial fails.
        fs::create_dir(storage.lock()).unwrap();
        assert_eq!(lock.openness(), Openness::Closed);
        lock.allow_trial();
        assert_eq!(lock.openness(), Openness::Unknown);
    }

    #[test]
    fn a_server_is_seen_where_its_lock_cannot_be_tried() {
        let (_folder, storage) = storage();
        let server = FileLock::take(&storage.lock()).unwrap();
        let lock = MainLock::of(&storage, false);
        assert_eq!(lock.openness(), Openness::Open);
        drop(server);
        assert_eq!(lock.openness(), Openness::Unknown);
    }

    #[test]
    fn a_stamp_changes_with_the_time_and_with_the_file_but_not_when_the_file_is_gone() {
        let (_folder, storage) = storage();
        let absent = LockStamp::of(&storage).unwrap();
        assert!(!absent.has_changed(&storage));
        fs::write(storage.lock(), " 1\n").unwrap();
        assert!(absent.has_changed(&storage), "a server has made the file");
        let first = LockStamp::of(&storage).unwrap();
        assert!(!first.has_changed(&storage));
        let file = fs::File::options().write(true).open(storage.lock()).unwrap();
        let taken = file.metadata().unwrap().modified().unwrap();
        // A clock that was set back.
        file.set_modified(taken - Duration::from_secs(3600)).unwrap();
        assert!(first.has_changed(&storage));
        fs::rename(storage.lock(), storage.misc().join("kept")).unwrap();
        assert!(!first.has_changed(&storage), "no process has taken a file that is gone");
        let other = fs::File::create(storage.lock()).unwrap();
        other.set_modified(taken).unwrap();
        assert!(first.has_changed(&storage), "another file of the same time");
    }

    #[test]
    fn a_lock_is_taken_after_a_snapshot_that_was_written_before() {
        let (_folder, storage) = storage();
        let lock = MainLock::of(&storage, true);
        fs::write(storage.snapshot(), "user/x").unwrap();
        let server = FileLock::take(&storage.lock()).unwrap();
        let written = SnapshotFile::read(&storage).unwrap().modified().unwrap();
        let second = Duration::from_secs(1);
        for (taken, after) in
            [(written - second, false), (written, false), (written + second, true)]
        {
            let file = fs::File::options().write(true).open(storage.lock()).unwrap();
            file.set_modified(taken).unwrap();
            assert_eq!(lock.was_taken_after(&SnapshotFile::read(&storage).unwrap()), after);
        }
        drop(server);
        let file = SnapshotFile::read(&storage).unwrap();
        assert!(!lock.was_taken_after(&file), "no server has it open");
    }
}
