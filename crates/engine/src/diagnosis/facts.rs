//! What can be seen of a storage from outside, without touching a lock.

use std::path::Path;
use std::time::{Duration, SystemTime};

use dsnap_core::{Reason, text};

use crate::diagnosis::size::Size;
use crate::record::contents::Look;
use crate::run::session::Session;
use crate::storage::main_lock::{LockStamp, Openness};
use crate::storage::snapshot_file::SnapshotFile;
use crate::storage::{Leftovers, snapshot_lock};
use crate::system::access;
use crate::system::lock_holders::{self, Holder};
use crate::system::mounts::Mount;

/// A lock, as far as it can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockView {
    /// Somebody holds it.
    Held(Holder),
    /// Nobody does.
    Free,
    /// It is not seen to be held, but what holds it may be out of sight: in another container, or on
    /// another machine.
    Unknown,
}

impl LockView {
    fn of(path: &Path, sees_all: bool) -> Self {
        match lock_holders::is_held(path) {
            true => Self::Held(lock_holders::holder(path)),
            false if sees_all => Self::Free,
            false => Self::Unknown,
        }
    }

    /// Says whether somebody is seen to hold it.
    pub fn is_held(&self) -> bool {
        matches!(self, Self::Held(_))
    }

    /// Says what it means for `misc/lock`.
    pub(crate) fn openness(&self) -> Openness {
        match self {
            Self::Held(_) => Openness::Open,
            Self::Free => Openness::Closed,
            Self::Unknown => Openness::Unknown,
        }
    }
}

/// What can be seen.
// wide: one field for each thing that is looked at.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) file: SnapshotFile,
    pub(super) server: LockView,
    pub(super) sublock: LockView,
    pub(super) run: LockView,
    /// The server has opened the storage since `misc/snapshot` was written.
    pub(super) restarted: bool,
    /// How old `misc/snapshot` is.
    pub(super) age: Option<Duration>,
    pub(super) look: Look,
    /// Why the file of the runs cannot be read.
    pub(super) look_failed: Option<Reason>,
    /// What was committed but is not in `A/`, if it can be listed.
    pub(super) leftovers: Option<Leftovers>,
    pub(super) b: Option<Size>,
    pub(super) journal: Option<Size>,
    pub(super) file_system: String,
    pub(super) locks_reach: bool,
}

impl Facts {
    pub(super) fn of(session: &Session<'_>) -> Result<Self, Reason> {
        let storage = session.storage;
        let folders = storage.folders();
        let mount = Mount::of_folder(&folders.misc);
        let shows_all = mount.as_ref().is_some_and(Mount::shows_all_locks);
        let sees_all = shows_all && lock_holders::are_shown();
        let file = snapshot_lock::read_snapshot_file(storage)?;
        let (look, look_failed) = match Look::at(storage) {
            Ok(look) => (look, None),
            Err(error) => {
                let path = storage.run_lock();
                let owner = storage.owner().user;
                let reason = access::path_error(&path, owner, "cannot be read", &error);
                (Look::default(), Some(reason))
            }
        };
        let kind = mount.as_ref().map(|mount| String::from_utf8_lossy(mount.kind()).into_owned());
        let server = LockView::of(&storage.lock(), sees_all);
        let taken_later = || LockStamp::of(storage).is_some_and(|it| it.is_later_than(&file));
        let restarted = server.is_held() && taken_later();
        Ok(Self {
            age: file.age(Some(SystemTime::now())),
            restarted,
            file,
            server,
            sublock: LockView::of(&storage.sublock(), sees_all),
            run: LockView::of(&storage.run_lock(), sees_all),
            look,
            look_failed,
            leftovers: storage.leftovers().ok(),
            b: Size::of(&folders.b).ok(),
            journal: Size::of(&folders.journal).ok(),
            file_system: kind.map_or_else(|| "unknown".to_owned(), text::harmless),
            locks_reach: session.lock.reaches(),
        })
    }
}
