//! Who holds a lock: read from `/proc`, without touching the lock.
//!
//! Real servers failed to start because of a shared trial lock, so a run looks here. `/proc` shows
//! nothing of other pid namespaces and machines: a lock that it does not show is unknown, never
//! free.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use dsnap_core::text;
use procfs::process::Process;
use procfs::{Current, LockType, Locks};

use crate::system::privileges::as_real_user;
use crate::system::users::user_name;

/// A process that holds a lock, as far as it can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// The system confirms that this process has the very file open.
    Process {
        /// Its number.
        pid: i32,
        /// Its program's name.
        program: String,
        /// Its user, by name if it has one.
        user: String,
    },
    /// A process that cannot be seen from here.
    Unseen,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { pid, program, user } => write!(f, "{program} (pid {pid}, user {user})"),
            Self::Unseen => f.write_str("a process that cannot be seen from here"),
        }
    }
}

/// Says whether the system shows that the file at `path` is locked. `false` means *unknown*.
pub fn is_held(path: &Path) -> bool {
    pid_of_holder(path).is_some()
}

/// Returns who holds the lock on `path`, which is known to be held.
pub fn holder(path: &Path) -> Holder {
    let Ok(file) = fs::metadata(path).map(|found| (found.dev(), found.ino())) else {
        return Holder::Unseen;
    };
    let locker = pid_of_holder(path);
    as_real_user(|| {
        // The process that took the lock comes first. Perhaps only a child that inherited it is
        // left.
        let locker = locker.and_then(|pid| Process::new(pid).ok());
        let everybody = procfs::process::all_processes().into_iter().flatten().flatten();
        let confirmed = locker.into_iter().chain(everybody).find(|process| has_open(process, file));
        confirmed.map_or(Holder::Unseen, |process| describe(&process))
    })
}

/// Returns the pid that `/proc/locks` gives for the lock on `path`; 0 if it gives none.
fn pid_of_holder(path: &Path) -> Option<i32> {
    let file = fs::metadata(path).ok()?;
    let (major, minor) = (rustix::fs::major(file.dev()), rustix::fs::minor(file.dev()));
    let is_it = |lock: &procfs::Lock| {
        lock.lock_type == LockType::FLock
            && lock.inode == file.ino()
            && (lock.devmaj, lock.devmin) == (major, minor)
    };
    Locks::current().ok()?.0.iter().find(|lock| is_it(lock)).map(|lock| lock.pid.unwrap_or(0))
}

fn has_open(process: &Process, file: (u64, u64)) -> bool {
    let Ok(entries) = fs::read_dir(format!("/proc/{}/fd", process.pid)) else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| fs::metadata(entry.path()).is_ok_and(|open| (open.dev(), open.ino()) == file))
}

fn describe(process: &Process) -> Holder {
    let program = process.stat().map_or_else(|_| "?".to_owned(), |stat| text::harmless(stat.comm));
    let user = process.uid().map_or_else(|_| "?".to_owned(), user_name);
    Holder::Process { pid: process.pid, program, user }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::flock::FileLock;

    #[test]
    fn a_lock_of_this_process_is_seen_with_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert!(!is_held(&path));
        let lock = FileLock::take(&path).unwrap();
        assert!(is_held(&path));
        let Holder::Process { pid, .. } = holder(&path) else { panic!("unseen") };
        assert_eq!(pid, i32::try_from(std::process::id()).unwrap());
        drop(lock);
        assert!(!is_held(&path));
    }

    #[test]
    fn an_unlocked_file_that_is_open_is_not_held() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let _open = fs::File::create(&path).unwrap();
        assert!(!is_held(&path));
    }
}
