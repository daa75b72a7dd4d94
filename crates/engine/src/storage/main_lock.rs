//! `misc/lock`: does a server have the storage open?
//!
//! The answer comes from `/proc`, anew each time. Only where that shows no holder is the lock itself
//! tried, and that at most once a try of the run: a server that starts in the moment of the trial
//! fails to start.

use std::cell::Cell;
use std::time::SystemTime;

use crate::storage::Storage;
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
    /// It cannot be told: locks are not known to reach other machines, or the lock cannot be tried.
    Unknown,
}

/// The lock that a server holds for as long as it has the storage open.
#[derive(Debug)]
pub(crate) struct MainLock {
    storage: Storage,
    reaches: bool,
    /// What the trial showed, if there was one since [`begin_anew`](Self::begin_anew).
    tried: Cell<Option<LockState>>,
}

impl MainLock {
    /// Makes the lock of a storage. `reaches` says whether locks on its file system are known to
    /// reach other machines.
    pub(crate) fn of(storage: &Storage, reaches: bool) -> Self {
        Self { storage: storage.clone(), reaches, tried: Cell::new(None) }
    }

    /// Says whether a lock that is free here is known to be free on every machine.
    pub(crate) fn reaches(&self) -> bool {
        self.reaches
    }

    /// Says whether a server has the storage open.
    pub(crate) fn openness(&self) -> Openness {
        if lock_holders::is_held(&self.storage.lock()) {
            return Openness::Open;
        }
        if !self.reaches {
            return Openness::Unknown;
        }
        let state = self.tried.get().unwrap_or_else(|| self.try_state());
        self.tried.set(Some(state));
        match state {
            LockState::Free => Openness::Closed,
            LockState::Held => Openness::Open,
            LockState::Unknown => Openness::Unknown,
        }
    }

    fn try_state(&self) -> LockState {
        flock::try_state(&self.storage.folders().misc, NAME)
    }

    /// Allows one more trial: enough has happened since the last one.
    pub(crate) fn begin_anew(&self) {
        self.tried.set(None);
    }

    /// Returns when the lock was taken last: its holder then writes a pid into the file.
    pub(crate) fn taken(&self) -> Option<SystemTime> {
        self.storage.main_lock_written()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::testing::storage;
    use crate::system::flock::FileLock;
    use std::fs;

    #[test]
    fn a_holder_seen_in_proc_costs_no_trial_and_its_end_is_noticed() {
        let (_folder, storage) = storage();
        let lock = MainLock::of(&storage, true);
        let server = FileLock::take(&storage.lock()).unwrap();
        assert_eq!(lock.openness(), Openness::Open);
        drop(server);
        assert_eq!(lock.openness(), Openness::Closed);
    }

    #[test]
    fn the_lock_is_tried_once_until_another_trial_is_allowed() {
        let (_folder, storage) = storage();
        let lock = MainLock::of(&storage, true);
        assert_eq!(lock.openness(), Openness::Closed);
        // From now on a trial fails.
        fs::create_dir(storage.lock()).unwrap();
        assert_eq!(lock.openness(), Openness::Closed);
        lock.begin_anew();
        assert_eq!(lock.openness(), Openness::Unknown);
    }

    #[test]
    fn where_locks_do_not_reach_nothing_is_tried_and_nothing_is_known() {
        let (_folder, storage) = storage();
        assert_eq!(MainLock::of(&storage, false).openness(), Openness::Unknown);
    }
}
