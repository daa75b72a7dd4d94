//! Files of the journal, a bounded number at a time.
//!
//! A journal can have millions of files, whose names would fill the memory. So a recovery reads some
//! transactions, rolls them forward, and reads the next ones. Only the names of the folders stay in memory.

use std::collections::HashSet;

use dsnap_core::Reason;
use dsnap_engine::storage::settings::Settings;

use crate::journal::{JournalFile, Transactions};
use crate::listing::{KeepGoing, entries_without_marks};
use crate::reasons::halfway;

/// A committed transaction, or a part of it.
#[derive(Debug)]
struct Transaction {
    /// The position of its folder among the committed ones.
    number: usize,
    files: Vec<JournalFile>,
}

/// Files of transactions, in ascending order.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    transactions: Vec<Transaction>,
    len: usize,
}

impl Batch {
    /// Adds files of a later transaction, or more files of the last one.
    pub(crate) fn push(&mut self, number: usize, files: Vec<JournalFile>) {
        self.len += files.len();
        // A recovery that was stopped may have left a million empty folders.
        if !files.is_empty() {
            self.transactions.push(Transaction { number, files });
        }
    }

    /// Joins parts of a batch. Each transaction is in one of them only.
    pub(crate) fn joined(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut joined = Self::default();
        for mut part in parts {
            joined.len += part.len;
            joined.transactions.append(&mut part.transactions);
        }
        // A large transaction has several entries, which stay in their order.
        joined.transactions.sort_by_key(|transaction| transaction.number);
        joined
    }

    /// Returns how many files there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Marks the files that a later transaction of the batch replaces. Call this when the batch is complete.
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
    ) -> impl Iterator<Item = (usize, impl Iterator<Item = &JournalFile> + Clone)> {
        let is_chosen = move |file: &&JournalFile| file.superseded == superseded;
        let chosen =
            self.transactions.iter().filter(move |it| it.files.iter().any(|it| is_chosen(&it)));
        chosen.map(move |it| (it.number, it.files.iter().filter(is_chosen)))
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

    /// Returns the next batch. A large transaction may continue in the following batch. So all files of this
    /// batch must be out of the journal before the next call.
    ///
    /// # Errors
    ///
    /// A folder cannot be read, or contains an entry that appeared after the survey and does not belong there;
    /// or the caller wants to stop.
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
            // If some files may be left, this folder is read again.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a part with these files: the number of the transaction, and the name. All go to the same place.
    fn part(files: &[(usize, &str)]) -> Batch {
        let mut part = Batch::default();
        for (number, name) in files {
            let (place, name) = ("x.oid".into(), name.into());
            let file = JournalFile { place, name, superseded: false, folder_is_missing: false };
            part.push(*number, vec![file]);
        }
        part
    }

    /// Returns the names of the files that are superseded, or of those that are not.
    fn names(batch: &Batch, superseded: bool) -> String {
        let files = batch.files(superseded).flat_map(|(_, files)| files);
        files.map(|file| file.name.to_str().unwrap()).collect()
    }

    #[test]
    fn joined_parts_are_in_the_order_of_their_transactions() {
        let mut joined = Batch::joined([
            part(&[(3, "d")]),
            part(&[(1, "b"), (1, "c"), (4, "e"), (4, "f")]),
            part(&[]),
            part(&[(0, "a")]),
        ]);
        assert_eq!((joined.len(), names(&joined, false)), (6, "abcdef".to_owned()));
        joined.mark_superseded();
        assert_eq!((names(&joined, true), names(&joined, false)), ("abcde".into(), "f".into()));
    }
}
