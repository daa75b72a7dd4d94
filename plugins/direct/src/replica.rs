//! `journal/replica.tar`: what the replication tool fetched and has not unpacked yet.
//!
//! The whole archive is looked at before any of it is used. Unpacking it is deliberately elsewhere:
//! in `unpack`.

use std::fs::File;
use std::path::Path;

use dsnap_core::Reason;
use dsnap_engine::limits::MAX_REPLICA_FOLDERS;
use dsnap_engine::storage::{Folders, REPLICA, Storage};
use dsnap_engine::system::lock_holders;

use crate::archive::{Member, Trouble, folder_of, is_conf, read_members};
use crate::attributes::NewFolder;
use crate::listing::KeepGoing;
use crate::preflight::{
    FilePlaces, Target, check_can_set_attributes, check_file_place, check_folder_place,
};
use crate::reasons::{at, unreadable};

/// The name in `misc/` that an archive gets once it is unpacked.
pub(crate) const PREVIOUS: &str = "replica.previous";

/// An archive that was looked at to its end and found good.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) file: File,
    /// How many files and folders it contains.
    pub(crate) members: u64,
    /// The first thing that keeps it from being unpacked.
    obstacle: Option<Reason>,
}

impl Replica {
    /// Looks at the whole archive.
    ///
    /// # Errors
    ///
    /// The archive is damaged, or contains anything but files and folders below the storage; or the
    /// caller wants to stop.
    pub(crate) fn read(storage: &Storage, keep_going: KeepGoing<'_>) -> Result<Self, Reason> {
        let Folders { journal, .. } = storage.folders();
        let file = journal.file(REPLICA).map_err(|error| unreadable(journal, REPLICA, &error))?;
        let mut look = Look::default();
        let read = read_members(&file, keep_going, &mut |member| look.at(storage, member));
        read.map_err(|trouble| match trouble {
            Trouble::Elsewhere(reason) => reason,
            Trouble::InArchive(what) => Reason::new(at(&journal.path_of(REPLICA), what)).hint(
                "the archive is left over from replication: move it out of journal/ and replicate again; nothing else is lost",
            ),
        })?;
        Ok(Self { file, members: look.members, obstacle: look.obstacle })
    }

    /// Checks that every member can be unpacked, and the archive moved away.
    ///
    /// # Errors
    ///
    /// Something is in the way, or a permission is missing.
    pub(crate) fn check_access(&self, storage: &Storage) -> Result<(), Reason> {
        let Folders { journal, misc, .. } = storage.folders();
        Target::of(misc).and_then(|misc| misc.check_can_take_from(journal)).map_err(|reason| {
            reason.hint("journal/replica.tar becomes misc/replica.previous: put both folders on one file system")
        })?;
        check_file_place(misc, PREVIOUS.as_ref())?;
        self.obstacle.clone().map_or(Ok(()), Err)
    }
}

/// What was seen of an archive so far.
#[derive(Default)]
struct Look {
    members: u64,
    /// What `unpack` will have to remember.
    size_of_folders: usize,
    places: FilePlaces,
    obstacle: Option<Reason>,
}

impl Look {
    fn at(&mut self, storage: &Storage, member: Member<'_>) -> Result<(), Reason> {
        self.members += 1;
        if member.is_folder {
            self.size_of_folders += NewFolder::size_in_memory(&member.place);
        }
        if self.size_of_folders > MAX_REPLICA_FOLDERS {
            let Folders { journal, .. } = storage.folders();
            return Err(Reason::new(at(&journal.path_of(REPLICA), "it contains too many folders"))
                .hint(
                    "move the archive out of journal/ and replicate again; nothing else is lost",
                ));
        }
        // A damaged archive is worse than an obstacle, and may be found later.
        if self.obstacle.is_none() && !is_conf(&member.place) {
            self.obstacle = self.check(storage, &member.place, member.is_folder).err();
        }
        Ok(())
    }

    fn check(&mut self, storage: &Storage, place: &Path, is_folder: bool) -> Result<(), Reason> {
        let (folder, below) = folder_of(storage.folders(), place);
        if !is_folder {
            return self.places.check(folder, below).map(drop);
        }
        match check_folder_place(folder, below)? {
            Some(existing) => check_can_set_attributes(&existing),
            None => Ok(()),
        }
    }
}

/// Looks at the archive, if there is one, before anything is locked: that may take long.
///
/// # Errors
///
/// Only that the caller wants to stop. Anything else may be different a moment later, as long as
/// nothing is locked.
pub(crate) fn look_before_locking(
    storage: &Storage,
    keep_going: KeepGoing<'_>,
) -> Result<(), Reason> {
    let Folders { journal, .. } = storage.folders();
    // If a server has the storage open, `direct` refuses it, so there is nothing to read.
    if journal.look(REPLICA).is_ok() && !lock_holders::is_held(&storage.lock()) {
        let _ = Replica::read(storage, keep_going);
    }
    keep_going()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::attributes::Attributes;
    use crate::testing;

    #[test]
    fn an_archive_with_more_folders_than_fit_in_memory_is_refused() {
        let (_folder, storage) = testing::storage();
        let look_at = |look: &mut Look, is_folder| {
            let attributes = Attributes::of(&testing::header(&storage, "A/o0")).unwrap();
            let (place, content) = ("A/o0".into(), &mut io::empty());
            look.at(&storage, Member { place, is_folder, attributes, size: 0, content })
        };
        let mut look = Look { size_of_folders: MAX_REPLICA_FOLDERS, ..Look::default() };
        look_at(&mut look, false).unwrap();
        let reason = look_at(&mut look, true).unwrap_err();
        assert!(reason.text().ends_with("replica.tar: it contains too many folders"), "{reason}");
    }
}
