//! What has to be on stable storage before the next step, and how it gets there.

use std::fs::File;
use std::io;
use std::path::Path;

use dsnap_core::Reason;
use dsnap_engine::storage::settings::Settings;

use crate::{on, stuck};

/// What the settings want synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// `sync: 0`: nothing, ever.
    None,
    /// `dirsync: 0`: whole file systems, but no folder by itself (NFS refuses that).
    FileSystems,
    /// Everything.
    Full,
}

impl Durability {
    pub(crate) fn wanted_by(settings: Settings) -> Self {
        match (settings.sync, settings.dirsync) {
            (false, _) => Self::None,
            (true, false) => Self::FileSystems,
            (true, true) => Self::Full,
        }
    }

    /// All that was done so far on the file system of `folder` is on disk afterwards.
    pub(crate) fn file_system(self, folder: &Path) -> Result<(), Reason> {
        match self {
            Self::None => Ok(()),
            _ => sync_with("file system", folder, |file| Ok(rustix::fs::syncfs(file)?)),
        }
    }

    /// The entries of `folder` are on disk afterwards.
    pub(crate) fn folder(self, folder: &Path) -> Result<(), Reason> {
        match self {
            Self::Full => sync_with("folder", folder, File::sync_all),
            _ => self.file_system(folder),
        }
    }

    /// The content of `file` is on disk afterwards.
    pub(crate) fn file(self, file: &File) -> io::Result<()> {
        if self == Self::None { Ok(()) } else { file.sync_all() }
    }
}

fn sync_with(
    what: &'static str,
    folder: &Path,
    sync: impl FnOnce(&File) -> io::Result<()>,
) -> Result<(), Reason> {
    record(what, folder);
    let synced = File::open(folder).and_then(|file| sync(&file));
    synced.map_err(|error| {
        let refusal = stuck(format!("syncing {}", on(folder, &error)));
        match error.kind() {
            io::ErrorKind::InvalidInput => refusal
                .hint("this file system cannot sync folders: write `dirsync: 0` under [posix] in config/settings"),
            _ => refusal,
        }
    })
}

#[cfg(not(test))]
fn record(_what: &'static str, _folder: &Path) {}

#[cfg(test)]
pub(crate) use recording::{record, recorded};

/// What is synced, and in which order, shows only after a power cut; unit tests look on here.
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

    /// Does something, and says which syncs it made.
    pub(crate) fn recorded<T>(work: impl FnOnce() -> T) -> (T, Syncs) {
        SYNCS.take();
        (work(), SYNCS.take())
    }
}
