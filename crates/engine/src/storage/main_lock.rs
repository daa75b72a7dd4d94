//! `misc/lock`: does anybody have the storage open?
//!
//! Seen in `/proc`, each time anew. Only where that shows nobody is the lock itself tried, and
//! that at most once a try: a trial makes the start of a server fail that comes in that moment.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::storage::Storage;
use crate::system::{flock, lock_holders};

/// The lock that whoever has the storage open holds, as it is looked at in one run.
#[derive(Debug)]
pub struct MainLock {
    path: PathBuf,
    reaches: bool,
    /// What the trial of this try showed, if there was one.
    tried: Cell<Option<Option<bool>>>,
}

impl MainLock {
    /// The lock of a storage. `reaches` is whether a lock that is free here is free on every
    /// machine.
    pub fn of(storage: &Storage, reaches: bool) -> Self {
        Self { path: storage.lock(), reaches, tried: Cell::new(None) }
    }

    /// Whether a lock that is free here is free on every machine.
    pub fn reaches(&self) -> bool {
        self.reaches
    }

    /// Whether nobody has the storage open; `None` where that cannot be known.
    pub fn is_free(&self) -> Option<bool> {
        if lock_holders::is_held(&self.path) {
            return Some(false);
        }
        if !self.reaches {
            return None;
        }
        let free = self.tried.get().unwrap_or_else(|| flock::is_free(&self.path));
        self.tried.set(Some(free));
        free
    }

    /// Forgets what a trial showed: so much has happened since that it may be tried again.
    pub fn begin_anew(&self) {
        self.tried.set(None);
    }

    /// When it was taken last; its holder writes a pid into it then.
    pub fn taken(&self) -> Option<SystemTime> {
        fs::metadata(&self.path).and_then(|found| found.modified()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::flock::FileLock;

    fn storage() -> (tempfile::TempDir, Storage) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("A")).unwrap();
        fs::create_dir(folder.path().join("misc")).unwrap();
        let storage = Storage::open(folder.path()).unwrap();
        (folder, storage)
    }

    #[test]
    fn a_holder_that_is_seen_is_no_trial_and_its_end_is_noticed() {
        let (_folder, storage) = storage();
        let lock = MainLock::of(&storage, true);
        let server = FileLock::take(&storage.lock()).unwrap();
        assert_eq!(lock.is_free(), Some(false));
        drop(server);
        assert_eq!(lock.is_free(), Some(true));
    }

    #[test]
    fn the_lock_is_tried_once_until_that_begins_anew() {
        let (_folder, storage) = storage();
        let lock = MainLock::of(&storage, true);
        assert_eq!(lock.is_free(), Some(true));
        // From now on a trial would not say that it is free.
        fs::create_dir(storage.lock()).unwrap();
        assert_eq!(lock.is_free(), Some(true));
        lock.begin_anew();
        assert_eq!(lock.is_free(), None);
    }

    #[test]
    fn where_locks_do_not_reach_nothing_is_tried_and_nothing_known() {
        let (_folder, storage) = storage();
        assert_eq!(MainLock::of(&storage, false).is_free(), None);
    }
}
