//! The objects of the storage, for clients that load them.
//!
//! A simulated storage contains an invented history, so the number of commits says what every
//! object contains. Reading the files instead would race with the server, which moves them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::transactions::{History, Transaction};

/// How many transactions a server remembers for clients that come back (`invalidation-queue-size`).
const REMEMBERED: usize = 100;

/// An identifier of an object or of a transaction.
pub(super) type Id = [u8; 8];

/// A revision of an object.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Revision {
    pub(super) data: Vec<u8>,
    pub(super) tid: Id,
    /// The transaction that wrote the next revision, if there is one.
    pub(super) until: Option<Id>,
}

/// The history of a storage, as far as it was committed.
#[derive(Debug, Default)]
pub(super) struct Objects(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    history: History,
    transactions: Vec<Transaction>,
    /// The transactions that wrote an object, by their places in the list.
    writers: HashMap<u64, Vec<usize>>,
}

impl Known {
    fn extend(&mut self, committed: usize) {
        while self.transactions.len() < committed {
            let Some(transaction) = self.history.next() else { return };
            for (oid, _) in &transaction.objects {
                self.writers.entry(*oid).or_default().push(self.transactions.len());
            }
            self.transactions.push(transaction);
        }
    }

    /// Returns one of the revisions of an object, by its number from 0.
    fn revision(&self, oid: u64, number: usize) -> Option<Revision> {
        let writers = self.writers.get(&oid)?;
        let transaction = self.transactions.get(*writers.get(number)?)?;
        let until = writers.get(number + 1).map(|next| self.transactions[*next].tid);
        Some(Revision { data: transaction.pickle(oid), tid: transaction.tid, until })
    }
}

impl Objects {
    /// Returns the newest revision of an object after so many commits.
    pub(super) fn current(&self, oid: Id, committed: usize) -> Option<Revision> {
        let (known, oid) = (self.known(committed), u64::from_be_bytes(oid));
        known.revision(oid, known.writers.get(&oid)?.len() - 1)
    }

    /// Returns the revision of an object that was the newest before a transaction. `None` if there
    /// was no such object yet.
    pub(super) fn before(&self, oid: Id, tid: Id, committed: usize) -> Option<Revision> {
        let (known, oid) = (self.known(committed), u64::from_be_bytes(oid));
        let writers = known.writers.get(&oid)?;
        let older = writers.partition_point(|at| known.transactions[*at].tid < tid);
        known.revision(oid, older.checked_sub(1)?)
    }

    /// Returns the identifier of a transaction, and the objects that it changed, by its place in the
    /// history.
    pub(super) fn transaction(&self, at: usize) -> Option<(Id, Vec<Id>)> {
        let known = self.known(at + 1);
        let transaction = known.transactions.get(at)?;
        let changed = changed_by(transaction).map(u64::to_be_bytes);
        Some((transaction.tid, changed.collect()))
    }

    /// Returns the identifier of the last transaction.
    pub(super) fn last(&self, committed: usize) -> Option<Id> {
        self.transaction(committed.checked_sub(1)?).map(|(tid, _)| tid)
    }

    /// Returns the objects that were changed after a transaction. `None` if the server does not know,
    /// because it remembers only the transactions from `first` on, and not too many of them.
    pub(super) fn changed_since(&self, tid: Id, first: usize, committed: usize) -> Option<Vec<Id>> {
        let known = self.known(committed);
        let first = first.max(committed.saturating_sub(REMEMBERED));
        let remembered = known.transactions.get(first..committed)?;
        if remembered.first()?.tid > tid {
            return None;
        }
        let newer = remembered.iter().filter(|transaction| transaction.tid > tid);
        let oids: BTreeSet<_> = newer.flat_map(changed_by).collect();
        Some(oids.into_iter().map(u64::to_be_bytes).collect())
    }

    fn known(&self, committed: usize) -> MutexGuard<'_, Known> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(committed);
        known
    }
}

/// Returns the objects that were there before a transaction. Servers do not tell of new ones, which
/// no client can know yet.
fn changed_by(transaction: &Transaction) -> impl Iterator<Item = u64> {
    let changed = transaction.objects.iter().filter(|(_, before)| *before != [0; 8]);
    changed.map(|(oid, _)| *oid)
}
