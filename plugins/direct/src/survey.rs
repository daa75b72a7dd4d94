//! The look at a storage before anything is changed: what there is to do, and whether it can be done.
//!
//! A problem found here leaves the storage as it was. The original removes `misc/snapshot` first, so
//! that a stray file costs a clean storage its snapshot.

use std::sync::atomic::{AtomicUsize, Ordering};

use dsnap_core::method::Caller;
use dsnap_core::{Reason, text};
use dsnap_engine::limits::MAX_BATCH_FILES;
use dsnap_engine::storage::settings::Settings;
use dsnap_engine::storage::snapshot_file::{Content, TEMPORARY};
use dsnap_engine::storage::{Folders, JournalEntry, REPLICA, Storage, snapshot_lock};
use dsnap_engine::system::folder::{Folder, Listed};

use crate::batch::Batch;
use crate::journal::{JournalFile, Transactions};
use crate::listing::{KeepGoing, entries_without_marks, in_pieces};
use crate::names::Names;
use crate::preflight::{
    FilePlaces, Target, check_can_empty_into, check_can_remove, check_file_place, open,
};
use crate::reasons::unexpected_in_journal;
use crate::replica::Replica;
use crate::workers::share;

/// A storage as it was found.
#[derive(Debug)]
pub(crate) struct Survey<'a> {
    pub(crate) storage: &'a Storage,
    pub(crate) settings: Settings,
    pub(crate) journal: Journal,
    pub(crate) replica: Option<Replica>,
    snapshot_file: Content,
    b_is_empty: bool,
    /// How many files a recovery moves, removes or unpacks.
    files: u64,
}

/// What there is in `journal/` beside a replica.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// Names of the folders of committed transactions, oldest first.
    pub(crate) committed: Names,
    /// Their files, if there are few enough to keep them in memory.
    pub(crate) files: Option<Batch>,
    /// Names of the folders of transactions that were never committed.
    pub(crate) uncommitted: Names,
}

/// What one thread found in the journal.
#[derive(Default)]
struct Looked {
    places: FilePlaces,
    files: Batch,
}

impl<'a> Survey<'a> {
    /// Looks at a storage and changes nothing. For a recovery its locks must be held.
    ///
    /// # Errors
    ///
    /// The storage contains something that no recovery may touch, or that this user may not change;
    /// or the caller wants to stop.
    pub(crate) fn take(storage: &'a Storage, caller: &dyn Caller) -> Result<Self, Reason> {
        let keep_going = || keep_looking(caller);
        let settings = storage.settings()?;
        let mut survey = Self {
            storage,
            settings,
            journal: Journal::default(),
            replica: None,
            snapshot_file: snapshot_lock::read_snapshot_file(storage)?.content,
            b_is_empty: is_empty(&storage.folders().b, &keep_going)?,
            files: 0,
        };
        survey.read_journal(&keep_going)?;
        if !survey.is_clean() {
            survey.check_access(&keep_going)?;
            survey.check_committed(&keep_going)?;
        }
        Ok(survey)
    }

    /// Tells whether the storage was closed cleanly and not changed since: there is nothing to do.
    pub(crate) fn is_clean(&self) -> bool {
        let journal_is_empty = self.journal.committed.is_empty()
            && self.journal.uncommitted.is_empty()
            && self.replica.is_none();
        self.snapshot_file == Content::Shutdown && journal_is_empty && self.b_is_empty
    }

    /// Returns how many files a recovery moves, removes or unpacks.
    pub(crate) fn files(&self) -> u64 {
        self.files
    }

    fn read_journal(&mut self, keep_going: KeepGoing<'_>) -> Result<(), Reason> {
        let Folders { journal, .. } = self.storage.folders();
        let (mut number, mut has_replica, mut unexpected) = (0, false, None);
        for entry in entries_without_marks(journal, keep_going)? {
            let Listed { name, is_folder } = entry?;
            number += 1;
            match JournalEntry::of(&name) {
                JournalEntry::Done if is_folder => self.journal.committed.push(&name),
                JournalEntry::Temp if is_folder => self.journal.uncommitted.push(&name),
                JournalEntry::Replica => has_replica = true,
                _ => unexpected = unexpected.into_iter().chain([name]).min(),
            }
        }
        self.journal.committed.sort();
        match unexpected {
            _ if has_replica => self.read_replica(number, keep_going),
            Some(name) => Err(unexpected_in_journal(&journal.path_of(&name))),
            None => Ok(()),
        }
    }

    fn read_replica(&mut self, entries: usize, keep_going: KeepGoing<'_>) -> Result<(), Reason> {
        if entries > 1 {
            return Err(not_alone(self.storage, "journal/ contains something else, too"));
        }
        if !self.b_is_empty {
            return Err(not_alone(self.storage, "B/ is not empty"));
        }
        let replica = Replica::read(self.storage, keep_going)?;
        self.files += replica.members;
        self.replica = Some(replica);
        Ok(())
    }

    /// Checks that every folder that will change can be changed, and that files can be moved
    /// between them.
    fn check_access(&mut self, keep_going: KeepGoing<'_>) -> Result<(), Reason> {
        let Folders { a, b, journal, misc, .. } = self.storage.folders();
        for folder in [misc, journal, b, a] {
            folder.check_can_change_entries()?;
        }
        check_file_place(misc, TEMPORARY.as_ref())?;
        if !self.b_is_empty {
            check_can_move(b, &Target::of(a)?)?;
            self.files += check_can_empty_into(b, Some(a), 1, keep_going)?;
        }
        for name in self.journal.uncommitted.iter() {
            check_can_remove(&open(journal, name)?, 1, keep_going)?;
        }
        self.replica.as_ref().map_or(Ok(()), |replica| replica.check_access(self.storage))
    }

    /// Checks that the committed transactions contain only what a server writes, and that nothing is
    /// in the way of their files.
    fn check_committed(&mut self, keep_going: KeepGoing<'_>) -> Result<(), Reason> {
        let Folders { a, journal, .. } = self.storage.folders();
        let committed = Transactions { journal, names: &self.journal.committed };
        let (target, settings, files) = (Target::of(a)?, self.settings, AtomicUsize::new(0));
        let look = |looked: &mut Looked, number, keep_going: KeepGoing<'_>| {
            let folder = open(journal, committed.name(number))?;
            folder.check_can_change_entries()?;
            check_can_move(&folder, &target)?;
            in_pieces(entries_without_marks(&folder, keep_going)?, |piece| {
                let mut found = JournalFile::all_of(piece, &folder, settings)?;
                for file in &mut found {
                    file.folder_is_missing = !looked.places.check(a, &file.place)?;
                }
                // All threads together keep no more files than one batch has. If there are more, none is
                // used.
                let before = files.fetch_add(found.len(), Ordering::Relaxed);
                if before + found.len() <= MAX_BATCH_FILES {
                    looked.files.push(number, found);
                } else {
                    looked.files = Batch::default();
                }
                Ok(())
            })?;
            Ok(())
        };
        let looked = share(committed.names.len(), keep_going, Looked::default, look)?;
        let files = files.into_inner();
        self.files += files as u64;
        self.journal.files = (files <= MAX_BATCH_FILES)
            .then(|| Batch::joined(looked.into_iter().map(|looked| looked.files)));
        Ok(())
    }
}

/// Tells whether there is nothing but the `.mark` files of a packing server in a folder.
fn is_empty(folder: &Folder, keep_going: KeepGoing<'_>) -> Result<bool, Reason> {
    Ok(entries_without_marks(folder, keep_going)?.next().transpose()?.is_none())
}

/// Checks that the look at the storage may go on.
pub(crate) fn keep_looking(caller: &dyn Caller) -> Result<(), Reason> {
    if caller.should_stop() {
        return Err(Reason::new("asked to stop before anything was changed"));
    }
    Ok(())
}

/// Explains that a replica must be the only thing to recover.
fn not_alone(storage: &Storage, other: &str) -> Reason {
    let replica = text::path(storage.folders().journal.path_of(REPLICA));
    Reason::new(format!("{replica} exists, but {other}"))
        .hint("the replication tool never leaves both: find out which one is newer before you move one of them away")
}

fn check_can_move(from: &Folder, a: &Target<'_>) -> Result<(), Reason> {
    let hint = "DirectoryStorage moves files between A, B and journal: put them on one file system";
    a.check_can_take_from(from).map_err(|reason| reason.hint(hint))
}
