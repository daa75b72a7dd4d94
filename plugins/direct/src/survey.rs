//! The look before anything is touched: what there is to do, and whether it can be done.
//!
//! Whatever is found wrong here changes nothing. The original removes `misc/snapshot` first,
//! and so a stray file costs a clean storage its snapshot.

use std::collections::HashSet;
use std::fs::{self, DirEntry};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use dsnap_core::mark::Content;
use dsnap_core::settings::Settings;
use dsnap_core::storage::{self, JournalEntry};
use dsnap_core::{Refusal, Storage, rights, text};

use crate::journal::{Transaction, list, strange, unreadable};
use crate::replica::Replica;

/// A storage as it was found.
#[derive(Debug)]
pub(crate) struct Survey<'a> {
    pub(crate) storage: &'a Storage,
    pub(crate) settings: Settings,
    /// Committed transactions, oldest first.
    pub(crate) done: Vec<Transaction>,
    /// Folders of transactions that were never committed.
    pub(crate) temp: Vec<PathBuf>,
    pub(crate) replica: Option<Replica>,
    mark: Content,
    b_is_empty: bool,
}

impl<'a> Survey<'a> {
    /// Looks at a storage whose locks are held.
    ///
    /// # Errors
    ///
    /// Something is there that no recovery may touch, or that this user may not change.
    pub(crate) fn take(storage: &'a Storage) -> Result<Self, Refusal> {
        storage.check_folders()?;
        let settings = storage.settings()?;
        let mut survey = Self {
            storage,
            settings,
            done: Vec::new(),
            temp: Vec::new(),
            replica: None,
            mark: dsnap_core::guard::look_at_mark(storage)?.content,
            b_is_empty: list(&storage.b())?.is_empty(),
        };
        survey.look_at_journal()?;
        if !survey.is_clean() {
            survey.check_access()?;
        }
        Ok(survey)
    }

    /// Closed cleanly, and nothing happened since: there is nothing to do.
    pub(crate) fn is_clean(&self) -> bool {
        let journal_is_empty =
            self.done.is_empty() && self.temp.is_empty() && self.replica.is_none();
        self.mark == Content::Shutdown && journal_is_empty && self.b_is_empty
    }

    fn look_at_journal(&mut self) -> Result<(), Refusal> {
        let journal = self.storage.journal();
        let mut entries = list(&journal)?;
        entries.sort_by_key(DirEntry::file_name);
        if entries.iter().any(|entry| entry.file_name() == storage::REPLICA) {
            return self.look_at_replica(&journal, entries.len());
        }
        for entry in entries {
            let (name, path) = (entry.file_name(), entry.path());
            let is_folder = entry.file_type().map_err(|error| unreadable(&path, &error))?.is_dir();
            match JournalEntry::of(&name) {
                JournalEntry::Done if is_folder => {
                    let transaction = Transaction::look(path, self.settings)?;
                    self.done.push(transaction);
                }
                JournalEntry::Temp if is_folder => self.temp.push(path),
                _ => return Err(strange(&path)),
            }
        }
        Ok(())
    }

    fn look_at_replica(&mut self, journal: &Path, entries: usize) -> Result<(), Refusal> {
        let path = journal.join(storage::REPLICA);
        let beside = |what: &str| {
            Refusal::new(format!("{} lies there, and {what} is not empty", text::path(&path)))
                .hint("the replication tool never leaves both; find out which of them is newer before you move one away")
        };
        if entries > 1 {
            return Err(beside("journal/ beside it"));
        }
        if !self.b_is_empty {
            return Err(beside("B/"));
        }
        self.replica = Some(Replica::look(path)?);
        Ok(())
    }

    /// Whether every folder that will change can be changed, and files can be moved between them.
    fn check_access(&self) -> Result<(), Refusal> {
        let (a, b, journal) = (self.storage.a(), self.storage.b(), self.storage.journal());
        for folder in [&self.storage.misc(), &journal, &b, &a] {
            rights::may_change_entries(folder)?;
        }
        if !self.b_is_empty {
            on_one_file_system(&b, &a)?;
            check_folders_below(&b, &a)?;
        }
        for folder in self.done.iter().map(|transaction| &transaction.folder).chain(&self.temp) {
            rights::may_change_entries(folder)?;
            on_one_file_system(folder, &a)?;
        }
        let places =
            self.done.iter().flat_map(|transaction| &transaction.files).map(|(_, place)| place);
        let parents: HashSet<&Path> = places.filter_map(|place| place.parent()).collect();
        parents.into_iter().try_for_each(|parent| check_destination(&a, parent))
    }
}

/// Every folder below `b` can be emptied, and what is of its name below `a` can take the files.
fn check_folders_below(b: &Path, a: &Path) -> Result<(), Refusal> {
    for entry in list(b)? {
        if entry.file_type().map_err(|error| unreadable(&entry.path(), &error))?.is_dir() {
            let counterpart = a.join(entry.file_name());
            rights::may_change_entries(&entry.path())?;
            check_destination(a, Path::new(&entry.file_name()))?;
            check_folders_below(&entry.path(), &counterpart)?;
        }
    }
    Ok(())
}

/// The folder at `place` below `a`, or the lowest one above it that exists, takes new entries.
fn check_destination(a: &Path, place: &Path) -> Result<(), Refusal> {
    let existing = place.ancestors().map(|part| a.join(part)).find(|path| path.exists());
    match existing {
        Some(folder) if folder.is_dir() => rights::may_change_entries(&folder),
        Some(file) => {
            Err(Refusal::new(format!("{} is a file where a folder is needed", text::path(file))))
        }
        None => Ok(()),
    }
}

fn on_one_file_system(one: &Path, other: &Path) -> Result<(), Refusal> {
    let device = |path: &Path| {
        fs::metadata(path).map(|found| found.dev()).map_err(|error| unreadable(path, &error))
    };
    if device(one)? == device(other)? {
        return Ok(());
    }
    let what =
        format!("{} and {} are on different file systems", text::path(one), text::path(other));
    Err(Refusal::new(what)
        .hint("DirectoryStorage moves files between A, B and journal: put them on one file system"))
}
