//! The syncs of a recovery: what a failed one means to the user, and a record of them for tests.
//!
//! What the settings of a storage want synced is deliberately elsewhere: in the engine's
//! [`Durability`], which also makes the system calls.

use std::io;

use dsnap_core::Reason;
use dsnap_engine::storage::durability::Durability;
use dsnap_engine::system::folder::Folder;

use crate::reasons::{at, unfinished};

/// Puts the entries of `folder` on disk. With `dirsync: 0` a sync of its file system does that.
pub(crate) fn folder(durability: Durability, folder: &Folder) -> Result<(), Reason> {
    match durability {
        Durability::Full => {
            record("folder", folder.path());
            durability.folder(folder).map_err(|error| not_synced(folder, &error))
        }
        Durability::NoFolders | Durability::None => file_system(durability, folder),
    }
}

/// Puts everything done so far on the file system of `folder` on disk.
pub(crate) fn file_system(durability: Durability, folder: &Folder) -> Result<(), Reason> {
    if durability != Durability::None {
        record("file system", folder.path());
    }
    durability.file_system(folder).map_err(|error| not_synced(folder, &error))
}

fn not_synced(folder: &Folder, error: &io::Error) -> Reason {
    let reason = unfinished(format!("cannot sync {}", at(folder.path(), error)));
    match error.kind() {
        io::ErrorKind::InvalidInput => reason.hint(
            "this file system cannot sync folders: set `dirsync: 0` under [posix] in config/settings",
        ),
        _ => reason,
    }
}

#[cfg(not(test))]
fn record(_what: &'static str, _folder: &std::path::Path) {}

#[cfg(test)]
pub(crate) use recording::{record, recorded, recorded_so_far};

/// Only a power cut would show what is synced, and in which order; unit tests read it here.
#[cfg(test)]
mod recording {
    use std::cell::RefCell;
    use std::path::{Path, PathBuf};

    type Syncs = Vec<(&'static str, PathBuf)>;

    thread_local! {
        static SYNCS: RefCell<Syncs> = const { RefCell::new(Vec::new()) };
    }

    pub(crate) fn record(what: &'static str, folder: &Path) {
        SYNCS.with_borrow_mut(|syncs| syncs.push((what, folder.to_owned())));
    }

    /// Does some work, and returns the syncs that it made.
    pub(crate) fn recorded<T>(work: impl FnOnce() -> T) -> (T, Syncs) {
        SYNCS.take();
        (work(), SYNCS.take())
    }

    /// Returns how many syncs the work has made until now.
    pub(crate) fn recorded_so_far() -> usize {
        SYNCS.with_borrow(Vec::len)
    }
}
