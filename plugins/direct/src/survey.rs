//! The look before anything is touched: what there is to do, and whether it can be done.
//!
//! Whatever is found wrong here changes nothing. The original removes `misc/snapshot` first,
//! and so a stray file costs a clean storage its snapshot.

use std::collections::HashSet;
use std::fs::{self, DirEntry};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use dsnap_core::{Reason, text};
use dsnap_engine::storage::settings::Settings;
use dsnap_engine::storage::snapshot_file::Content;
use dsnap_engine::storage::{self, JournalEntry, Storage};
use dsnap_engine::system::access;

use crate::journal::{Transaction, list, strange, unreadable};
use crate::recovery::UNFINISHED;
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
    pub(crate) fn take(storage: &'a Storage) -> Result<Self, Reason> {
        storage.check_folders()?;
        let settings = storage.settings()?;
        let mut survey = Self {
            storage,
            settings,
            done: Vec::new(),
            temp: Vec::new(),
            replica: None,
            mark: dsnap_engine::storage::snapshot_lock::read_snapshot_file(storage)?.content,
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

    fn look_at_journal(&mut self) -> Result<(), Reason> {
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

    fn look_at_replica(&mut self, journal: &Path, entries: usize) -> Result<(), Reason> {
        let path = journal.join(storage::REPLICA);
        let beside = |what: &str| {
            Reason::new(format!("{} lies there, and {what} is not empty", text::path(&path)))
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
    fn check_access(&self) -> Result<(), Reason> {
        let (a, b, journal) = (self.storage.a(), self.storage.b(), self.storage.journal());
        let misc = self.storage.misc();
        for folder in [&misc, &journal, &b, &a] {
            access::check_can_change_entries(folder)?;
        }
        check_place(&misc.join(UNFINISHED))?;
        if !self.b_is_empty {
            on_one_file_system(&b, &a)?;
            check_folders_below(&b, &a)?;
        }
        for transaction in &self.done {
            access::check_can_change_entries(&transaction.folder)?;
            on_one_file_system(&transaction.folder, &a)?;
        }
        self.temp.iter().try_for_each(|folder| check_removable(folder))?;
        self.replica.as_ref().map_or(Ok(()), |replica| replica.check_access(self.storage))?;
        let files = self.done.iter().flat_map(|transaction| &transaction.files);
        check_places(&a, files.map(|(_, place)| place.as_path()))
    }
}

/// Every folder below `b` can be emptied, and what is of its name below `a` can take the files.
fn check_folders_below(b: &Path, a: &Path) -> Result<(), Reason> {
    for entry in list(b)? {
        let counterpart = a.join(entry.file_name());
        if entry.file_type().map_err(|error| unreadable(&entry.path(), &error))?.is_dir() {
            access::check_can_change_entries(&entry.path())?;
            check_destination(a, Path::new(&entry.file_name()))?;
            check_folders_below(&entry.path(), &counterpart)?;
        } else {
            check_place(&counterpart)?;
        }
    }
    Ok(())
}

/// The folder of a transaction that was never committed can go, with whatever is in it.
fn check_removable(folder: &Path) -> Result<(), Reason> {
    let unreadable = |error: std::io::Error| unreadable(folder, &error);
    let entries: Vec<_> = fs::read_dir(folder).and_then(Iterator::collect).map_err(unreadable)?;
    if !entries.is_empty() {
        access::check_can_change_entries(folder)?;
    }
    for entry in entries {
        if entry.file_type().map_err(unreadable)?.is_dir() {
            check_removable(&entry.path())?;
        }
    }
    Ok(())
}

/// Files can be put at these places below `root`.
pub(crate) fn check_places<'a>(
    root: &Path,
    places: impl Iterator<Item = &'a Path>,
) -> Result<(), Reason> {
    let mut checked = HashSet::new();
    for place in places {
        if let Some(parent) = place.parent()
            && checked.insert(parent)
        {
            check_destination(root, parent)?;
        }
        check_place(&root.join(place))?;
    }
    Ok(())
}

/// No folder lies where a file is to be put.
pub(crate) fn check_place(path: &Path) -> Result<(), Reason> {
    if !fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        return Ok(());
    }
    Err(Reason::new(format!("{} is a folder where a file is needed", text::path(path)))
        .hint("no server puts it there: find out what it is before you move it away"))
}

/// The folder at `place` below `root`, or the lowest one above it that exists, takes new entries.
pub(crate) fn check_destination(root: &Path, place: &Path) -> Result<(), Reason> {
    let mut paths = place.ancestors().map(|part| root.join(part));
    match paths.find(|path| fs::symlink_metadata(path).is_ok()) {
        Some(folder) if folder.is_dir() => access::check_can_change_entries(&folder),
        Some(other) => {
            let what = if other.is_symlink() { "a link to no folder" } else { "a file" };
            let what = format!("{} is {what} where a folder is needed", text::path(other));
            Err(Reason::new(what))
        }
        None => Ok(()),
    }
}

fn on_one_file_system(one: &Path, other: &Path) -> Result<(), Reason> {
    let hint = "DirectoryStorage moves files between A, B and journal: put them on one file system";
    on_one_device(one, other).map_err(|refusal| refusal.hint(hint))
}

/// Files can be moved from one folder to the other.
pub(crate) fn on_one_device(one: &Path, other: &Path) -> Result<(), Reason> {
    let device = |path: &Path| {
        fs::metadata(path).map(|found| found.dev()).map_err(|error| unreadable(path, &error))
    };
    if device(one)? == device(other)? {
        return Ok(());
    }
    let what =
        format!("{} and {} are on different file systems", text::path(one), text::path(other));
    Err(Reason::new(what))
}
