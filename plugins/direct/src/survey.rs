//! The look at a storage before anything is changed: what there is to do, and whether it can be done.
//!
//! A problem found here leaves the storage as it was. The original removes `misc/snapshot` first, so
//! that a stray file costs a clean storage its snapshot.

use std::fs::DirEntry;
use std::path::{Path, PathBuf};

use dsnap_core::{Reason, text};
use dsnap_engine::storage::settings::Settings;
use dsnap_engine::storage::snapshot_file::Content;
use dsnap_engine::storage::{self, JournalEntry, Storage, snapshot_lock};
use dsnap_engine::system::access;

use crate::journal::{Transaction, is_folder, list};
use crate::preflight::{
    check_can_empty_into, check_can_remove, check_file_place, check_file_places,
    check_one_file_system,
};
use crate::reasons::unexpected_in_journal;
use crate::replica::Replica;
use crate::snapshot_file;

/// A storage as it was found.
#[derive(Debug)]
pub(crate) struct Survey<'a> {
    pub(crate) storage: &'a Storage,
    pub(crate) settings: Settings,
    /// Committed transactions in the journal, oldest first.
    pub(crate) committed: Vec<Transaction>,
    /// Folders of transactions that were never committed.
    pub(crate) uncommitted: Vec<PathBuf>,
    pub(crate) replica: Option<Replica>,
    snapshot_file: Content,
    b_is_empty: bool,
}

impl<'a> Survey<'a> {
    /// Looks at a storage and changes nothing. For a recovery its locks must be held.
    ///
    /// # Errors
    ///
    /// The storage contains something that no recovery may touch, or that this user may not change.
    pub(crate) fn take(storage: &'a Storage) -> Result<Self, Reason> {
        storage.check_folders()?;
        let settings = storage.settings()?;
        let mut survey = Self {
            storage,
            settings,
            committed: Vec::new(),
            uncommitted: Vec::new(),
            replica: None,
            snapshot_file: snapshot_lock::read_snapshot_file(storage)?.content,
            b_is_empty: list(&storage.b())?.is_empty(),
        };
        survey.read_journal()?;
        if !survey.is_clean() {
            survey.check_access()?;
        }
        Ok(survey)
    }

    /// Tells whether the storage was closed cleanly and not changed since: there is nothing to do.
    pub(crate) fn is_clean(&self) -> bool {
        let journal_is_empty =
            self.committed.is_empty() && self.uncommitted.is_empty() && self.replica.is_none();
        self.snapshot_file == Content::Shutdown && journal_is_empty && self.b_is_empty
    }

    fn read_journal(&mut self) -> Result<(), Reason> {
        let journal = self.storage.journal();
        let mut entries = list(&journal)?;
        entries.sort_by_key(DirEntry::file_name);
        if entries.iter().any(|entry| entry.file_name() == storage::REPLICA) {
            return self.read_replica(&journal, entries.len());
        }
        for entry in entries {
            let path = entry.path();
            let is_folder = is_folder(&entry)?;
            match JournalEntry::of(&entry.file_name()) {
                JournalEntry::Done if is_folder => {
                    self.committed.push(Transaction::read(path, self.settings)?);
                }
                JournalEntry::Temp if is_folder => self.uncommitted.push(path),
                _ => return Err(unexpected_in_journal(&path)),
            }
        }
        Ok(())
    }

    fn read_replica(&mut self, journal: &Path, entries: usize) -> Result<(), Reason> {
        let path = journal.join(storage::REPLICA);
        if entries > 1 {
            return Err(not_alone(&path, "journal/ contains something else, too"));
        }
        if !self.b_is_empty {
            return Err(not_alone(&path, "B/ is not empty"));
        }
        self.replica = Some(Replica::read(path)?);
        Ok(())
    }

    /// Checks that every folder that will change can be changed, and that files can be moved
    /// between them.
    fn check_access(&self) -> Result<(), Reason> {
        let (a, b, journal) = (self.storage.a(), self.storage.b(), self.storage.journal());
        for folder in [&self.storage.misc(), &journal, &b, &a] {
            access::check_can_change_entries(folder)?;
        }
        check_file_place(&snapshot_file::temporary_path(self.storage))?;
        if !self.b_is_empty {
            check_can_move(&b, &a)?;
            check_can_empty_into(&b, &a)?;
        }
        for transaction in &self.committed {
            access::check_can_change_entries(&transaction.folder)?;
            check_can_move(&transaction.folder, &a)?;
        }
        self.uncommitted.iter().try_for_each(|folder| check_can_remove(folder))?;
        self.replica.as_ref().map_or(Ok(()), |replica| replica.check_access(self.storage))?;
        let files = self.committed.iter().flat_map(|transaction| &transaction.files);
        check_file_places(&a, files.map(|(_, place)| place.as_path()))
    }
}

/// Says what a replica must not be beside.
fn not_alone(replica: &Path, other: &str) -> Reason {
    Reason::new(format!("{} exists, but {other}", text::path(replica)))
        .hint("the replication tool never leaves both: find out which one is newer before you move one of them away")
}

fn check_can_move(from: &Path, a: &Path) -> Result<(), Reason> {
    let hint = "DirectoryStorage moves files between A, B and journal: put them on one file system";
    check_one_file_system(from, a).map_err(|reason| reason.hint(hint))
}
