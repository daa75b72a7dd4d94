//! Folders of the journal: what they contain, and where it goes.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use dsnap_core::Reason;
use dsnap_engine::storage::settings::Settings;
use dsnap_engine::system::folder::{Folder, Listed};

use crate::listing::{KeepGoing, entries_without_marks};
use crate::names::Names;
use crate::reasons::{halfway, unexpected_in_journal, unfinished_at};

/// A file of a committed transaction.
#[derive(Debug)]
pub(crate) struct JournalFile {
    /// Its place below `A/`.
    pub(crate) place: PathBuf,
    /// Its name in the folder of the transaction.
    pub(crate) name: OsString,
    /// Whether a later transaction of the batch has a file for the same place.
    superseded: bool,
}

impl JournalFile {
    /// Finds out where the files of a transaction go. Returns them in the order of their places, so
    /// that those of one folder follow each other.
    ///
    /// # Errors
    ///
    /// No server writes such an entry.
    pub(crate) fn all_of(
        entries: impl IntoIterator<Item = Listed>,
        folder: &Folder,
        settings: Settings,
    ) -> Result<Vec<Self>, Reason> {
        let file = |Listed { name, is_folder }| match settings.format.place(&name) {
            Some(place) if !is_folder => Ok(Self { place, name, superseded: false }),
            _ => Err(unexpected_in_journal(&folder.path_of(&name))),
        };
        let mut files = entries.into_iter().map(file).collect::<Result<Vec<_>, _>>()?;
        files.sort_unstable_by(|one, other| one.order().cmp(&other.order()));
        Ok(files)
    }

    /// Bytes are compared, because comparing paths part by part takes longer.
    fn order(&self) -> (&OsStr, &OsStr) {
        (self.place.as_os_str(), &self.name)
    }
}

/// A committed transaction, or a part of it.
#[derive(Debug)]
struct Transaction {
    /// Which of the folders in the journal it is.
    number: usize,
    files: Vec<JournalFile>,
}

/// Files of transactions that follow each other.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    transactions: Vec<Transaction>,
    len: usize,
}

impl Batch {
    /// Adds files of the last transaction, or of the next one.
    pub(crate) fn push(&mut self, number: usize, files: Vec<JournalFile>) {
        self.len += files.len();
        self.transactions.push(Transaction { number, files });
    }

    /// Returns how many files there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Finds out which files a later transaction replaces. This has to be done when all files are there.
    fn mark_superseded(&mut self) {
        let newest_first = self.transactions.iter().rev().flat_map(|it| it.files.iter().rev());
        let mut newer = HashSet::new();
        let superseded: Vec<_> =
            newest_first.map(|file| !newer.insert(file.place.as_os_str())).collect();
        let newest_first =
            self.transactions.iter_mut().rev().flat_map(|it| it.files.iter_mut().rev());
        for (file, superseded) in newest_first.zip(superseded) {
            file.superseded = superseded;
        }
    }

    /// Returns for each transaction the number of its folder, and those of its files that a later
    /// transaction of the batch replaces (`superseded`), or that none replaces.
    pub(crate) fn files(
        &self,
        superseded: bool,
    ) -> impl Iterator<Item = (usize, impl Iterator<Item = &JournalFile>)> {
        let is_chosen = move |file: &&JournalFile| file.superseded == superseded;
        let chosen =
            self.transactions.iter().filter(move |it| it.files.iter().any(|it| is_chosen(&it)));
        chosen.map(move |it| (it.number, it.files.iter().filter(is_chosen)))
    }
}

/// The folders of all committed transactions, oldest first.
#[derive(Clone, Copy)]
pub(crate) struct Transactions<'a> {
    pub(crate) journal: &'a Folder,
    pub(crate) names: &'a Names,
}

impl Transactions<'_> {
    /// Opens the folder with this number.
    pub(crate) fn open(self, number: usize) -> Result<Folder, Reason> {
        open(self.journal, self.names.get(number).unwrap_or_default())
    }
}

/// The committed transactions of a journal, oldest first, in batches of bounded size.
pub(crate) struct Batches<'a> {
    folders: Transactions<'a>,
    settings: Settings,
    /// All of them, if the survey could keep them.
    known: Option<Batch>,
    next: usize,
    max_files: usize,
}

impl<'a> Batches<'a> {
    /// Begins with the first of these folders.
    pub(crate) fn of(
        folders: Transactions<'a>,
        settings: Settings,
        known: Option<Batch>,
        max_files: usize,
    ) -> Self {
        Self { folders, settings, known, next: 0, max_files }
    }

    /// Returns the next batch. A large transaction is continued in the batch after it. So before that is
    /// read, all files of this one must be out of the journal.
    ///
    /// # Errors
    ///
    /// A folder cannot be read, or contains what was not there when the storage was looked at; or the
    /// caller wants to stop.
    pub(crate) fn next_batch(
        &mut self,
        keep_going: KeepGoing<'_>,
    ) -> Result<Option<Batch>, Reason> {
        let mut batch = match self.known.take() {
            Some(known) => {
                self.next = self.folders.names.len();
                known
            }
            None => self.read_batch(keep_going)?,
        };
        batch.mark_superseded();
        Ok((!batch.transactions.is_empty()).then_some(batch))
    }

    fn read_batch(&mut self, keep_going: KeepGoing<'_>) -> Result<Batch, Reason> {
        let mut batch = Batch::default();
        while batch.len < self.max_files && self.next < self.folders.names.len() {
            let room = self.max_files - batch.len;
            let files = self.read_files(room, keep_going)?;
            let is_whole = files.len() < room;
            batch.push(self.next, files);
            // If some files may be left, this folder comes again.
            self.next += usize::from(is_whole);
        }
        Ok(batch)
    }

    fn read_files(
        &self,
        max: usize,
        keep_going: KeepGoing<'_>,
    ) -> Result<Vec<JournalFile>, Reason> {
        let folder = self.folders.open(self.next)?;
        let entries = entries_without_marks(&folder, keep_going)?.take(max);
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        JournalFile::all_of(entries, &folder, self.settings).map_err(halfway)
    }
}

/// Opens a folder in the middle of a recovery.
pub(crate) fn open(parent: &Folder, name: impl AsRef<Path>) -> Result<Folder, Reason> {
    parent.folder(&name).map_err(|error| unfinished_at("cannot open", parent, name, &error))
}
