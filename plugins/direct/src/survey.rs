//! The look at a storage before anything is changed: what there is to do, and whether it can be done.
//!
//! A problem found here leaves the storage as it was. The original removes `misc/snapshot` first, so
//! that a stray file costs a clean storage its snapshot.

use std::ffi::OsString;

use dsnap_core::method::Caller;
use dsnap_core::{Reason, text};
use dsnap_engine::storage::settings::Settings;
use dsnap_engine::storage::snapshot_file::{Content, TEMPORARY};
use dsnap_engine::storage::{Folders, JournalEntry, REPLICA, Storage, snapshot_lock};
use dsnap_engine::system::folder::{Folder, Listed};

use crate::journal::{KeepGoing, Transaction, list};
use crate::preflight::{
    FilePlaces, check_can_empty_into, check_can_remove, check_file_place, check_one_file_system,
    open,
};
use crate::reasons::unexpected_in_journal;
use crate::replica::Replica;

/// A storage as it was found.
#[derive(Debug)]
pub(crate) struct Survey<'a> {
    pub(crate) storage: &'a Storage,
    pub(crate) settings: Settings,
    /// Committed transactions in the journal, oldest first.
    pub(crate) committed: Vec<Transaction>,
    /// Names of the folders of transactions that were never committed.
    pub(crate) uncommitted: Vec<OsString>,
    pub(crate) replica: Option<Replica>,
    snapshot_file: Content,
    b: ContentsOfB,
}

/// What there is in `B/`.
#[derive(Debug)]
struct ContentsOfB {
    is_empty: bool,
    /// How many files; counted only if a recovery is needed.
    files: u64,
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
            committed: Vec::new(),
            uncommitted: Vec::new(),
            replica: None,
            snapshot_file: snapshot_lock::read_snapshot_file(storage)?.content,
            b: ContentsOfB {
                is_empty: list(&storage.folders().b, &keep_going)?.is_empty(),
                files: 0,
            },
        };
        survey.read_journal(&keep_going)?;
        if !survey.is_clean() {
            survey.check_access(&keep_going)?;
        }
        Ok(survey)
    }

    /// Tells whether the storage was closed cleanly and not changed since: there is nothing to do.
    pub(crate) fn is_clean(&self) -> bool {
        let journal_is_empty =
            self.committed.is_empty() && self.uncommitted.is_empty() && self.replica.is_none();
        self.snapshot_file == Content::Shutdown && journal_is_empty && self.b.is_empty
    }

    /// Returns how many files a recovery moves, removes or unpacks.
    pub(crate) fn files(&self) -> u64 {
        let in_journal = self.committed.iter().map(|it| it.files.len() as u64).sum::<u64>();
        let in_replica = self.replica.as_ref().map_or(0, |replica| replica.members);
        self.b.files + in_journal + in_replica
    }

    fn read_journal(&mut self, keep_going: KeepGoing<'_>) -> Result<(), Reason> {
        let Folders { a, journal, .. } = self.storage.folders();
        let mut entries = list(journal, keep_going)?;
        entries.sort();
        if entries.iter().any(|entry| entry.name == REPLICA) {
            return self.read_replica(entries.len(), keep_going);
        }
        for Listed { name, is_folder } in entries {
            match JournalEntry::of(&name) {
                JournalEntry::Done if is_folder => {
                    let folder = open(journal, &name)?;
                    let transaction = Transaction::read(name, &folder, self.settings, keep_going)?;
                    folder.check_can_change_entries()?;
                    check_can_move(&folder, a)?;
                    self.committed.push(transaction);
                }
                JournalEntry::Temp if is_folder => self.uncommitted.push(name),
                _ => return Err(unexpected_in_journal(&journal.path_of(&name))),
            }
        }
        Ok(())
    }

    fn read_replica(&mut self, entries: usize, keep_going: KeepGoing<'_>) -> Result<(), Reason> {
        if entries > 1 {
            return Err(not_alone(self.storage, "journal/ contains something else, too"));
        }
        if !self.b.is_empty {
            return Err(not_alone(self.storage, "B/ is not empty"));
        }
        self.replica = Some(Replica::read(self.storage, keep_going)?);
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
        if !self.b.is_empty {
            check_can_move(b, a)?;
            self.b.files = check_can_empty_into(b, Some(a), 1, keep_going)?;
        }
        for name in &self.uncommitted {
            check_can_remove(&open(journal, name)?, 1, keep_going)?;
        }
        self.replica.as_ref().map_or(Ok(()), |replica| replica.check_access(self.storage))?;
        self.check_places(keep_going)
    }

    /// Checks that nothing is in the way of the files of the journal.
    fn check_places(&self, keep_going: KeepGoing<'_>) -> Result<(), Reason> {
        let files = self.committed.iter().flat_map(|transaction| &transaction.files);
        let mut places: Vec<_> = files.map(|(place, _)| place.as_path()).collect();
        places.sort_unstable();
        places.dedup();
        let mut checked = FilePlaces::default();
        for place in places {
            keep_going()?;
            checked.check(&self.storage.folders().a, place)?;
        }
        Ok(())
    }
}

/// Checks that the look at the storage may go on.
pub(crate) fn keep_looking(caller: &dyn Caller) -> Result<(), Reason> {
    if caller.should_stop() {
        return Err(Reason::new("asked to stop before anything was changed"));
    }
    Ok(())
}

/// Says what a replica must not be beside.
fn not_alone(storage: &Storage, other: &str) -> Reason {
    let replica = text::path(storage.folders().journal.path_of(REPLICA));
    Reason::new(format!("{replica} exists, but {other}"))
        .hint("the replication tool never leaves both: find out which one is newer before you move one of them away")
}

fn check_can_move(from: &Folder, a: &Folder) -> Result<(), Reason> {
    let hint = "DirectoryStorage moves files between A, B and journal: put them on one file system";
    check_one_file_system(from, a).map_err(|reason| reason.hint(hint))
}
