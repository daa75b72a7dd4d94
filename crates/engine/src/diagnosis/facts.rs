//! What can be seen of a storage from outside, without touching a lock.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use dsnap_core::{Reason, text};

use crate::diagnosis::size::Size;
use crate::record;
use crate::record::contents::Look;
use crate::run::session::Session;
use crate::storage::main_lock::{LockStamp, Openness};
use crate::storage::snapshot_file::SnapshotFile;
use crate::storage::{Leftovers, Storage, snapshot_lock};
use crate::system::access;
use crate::system::lock_holders::{self, Holder};
use crate::system::mounts::Mount;
use crate::system::users;

/// The permission of a group to read a file.
const GROUP_MAY_READ: u32 = 0o040;

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
    pub(super) look_failed: Option<LookFailed>,
    /// What was committed but is not in `A/`, if it can be listed.
    pub(super) leftovers: Option<Leftovers>,
    pub(super) b: Option<Size>,
    pub(super) journal: Option<Size>,
    pub(super) file_system: String,
    pub(super) locks_reach: bool,
}

/// Why the file of the runs cannot be read.
#[derive(Debug)]
pub(super) struct LookFailed {
    pub(super) reason: Reason,
    /// The group that may read it, if a permission is missing.
    pub(super) group: Option<String>,
}

impl LookFailed {
    fn of(storage: &Storage, error: &io::Error) -> Self {
        let path = storage.run_lock();
        let reason = access::path_error(&path, storage.owner().user, "cannot be read", error);
        let found = storage.folders().misc.look(record::FILE).ok();
        // The group of the storage, unless its owner could not give it.
        let is_for_group =
            |it: &Metadata| it.mode() & GROUP_MAY_READ != 0 && it.gid() == storage.owner().group;
        let denied = error.kind() == io::ErrorKind::PermissionDenied;
        let group = found.filter(|it| denied && is_for_group(it));
        Self { reason, group: group.map(|it| users::group_name(it.gid())) }
    }
}

impl Facts {
    /// Looks at everything but the sizes of `B/` and `journal/`: counting takes time.
    pub(super) fn of(session: &Session<'_>) -> Result<Self, Reason> {
        let storage = session.storage;
        let folders = storage.folders();
        let mount = Mount::of_folder(&folders.misc);
        let shows_all = mount.as_ref().is_some_and(Mount::shows_all_locks);
        let sees_all = shows_all && lock_holders::are_shown();
        let file = snapshot_lock::read_snapshot_file(storage)?;
        let (look, look_failed) = match Look::at(storage) {
            Ok(look) => (look, None),
            Err(error) => (Look::default(), Some(LookFailed::of(storage, &error))),
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
            b: None,
            journal: None,
            file_system: kind.map_or_else(|| "unknown".to_owned(), text::harmless),
            locks_reach: session.lock.reaches_other_machines(),
        })
    }
    /// Counts what is in `B/` and `journal/`.
    pub(super) fn count(&mut self, session: &Session<'_>) {
        let folders = session.storage.folders();
        self.b = Size::of(&folders.b).ok();
        self.journal = Size::of(&folders.journal).ok();
    }
}
