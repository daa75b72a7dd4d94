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
}

/// The history of a storage, as far as it was committed.
#[derive(Debug, Default)]
pub(super) struct Objects(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    history: History,
    transactions: Vec<Transaction>,
    /// The last transaction that wrote an object, by its place in the list.
    newest: HashMap<u64, usize>,
}

impl Known {
    fn extend(&mut self, committed: usize) {
        while self.transactions.len() < committed {
            let Some(transaction) = self.history.next() else { return };
            for (oid, _) in &transaction.objects {
                self.newest.insert(*oid, self.transactions.len());
            }
            self.transactions.push(transaction);
        }
    }
}

impl Objects {
    /// Returns the newest revision of an object after so many commits. There are no older ones:
    /// DirectoryStorage answers `loadBefore` with `None`.
    pub(super) fn current(&self, oid: Id, committed: usize) -> Option<Revision> {
        let (known, oid) = (self.known(committed), u64::from_be_bytes(oid));
        let transaction = known.transactions.get(*known.newest.get(&oid)?)?;
        Some(Revision { data: transaction.pickle(oid), tid: transaction.tid })
    }

    /// Returns the identifier of a transaction and of the objects that it wrote, by its place in the
    /// history.
    pub(super) fn transaction(&self, at: usize) -> Option<(Id, Vec<Id>)> {
        let known = self.known(at + 1);
        let transaction = known.transactions.get(at)?;
        let oids = transaction.objects.iter().map(|(oid, _)| oid.to_be_bytes());
        Some((transaction.tid, oids.collect()))
    }

    /// Returns the identifier of the last transaction.
    pub(super) fn last(&self, committed: usize) -> Option<Id> {
        self.transaction(committed.checked_sub(1)?).map(|(tid, _)| tid)
    }

    /// Returns the objects that were written after a transaction. `None` if the server does not
    /// know: it was started later, with so many transactions, or there were too many.
    pub(super) fn changed_since(
        &self,
        tid: Id,
        started: usize,
        committed: usize,
    ) -> Option<Vec<Id>> {
        let known = self.known(committed);
        let oldest = started.saturating_sub(1).max(committed.saturating_sub(REMEMBERED));
        if known.transactions.get(oldest)?.tid > tid {
            return None;
        }
        let newer = known.transactions[oldest..committed].iter().filter(|it| it.tid > tid);
        let oids: BTreeSet<_> =
            newer.flat_map(|it| it.objects.iter().map(|(oid, _)| *oid)).collect();
        Some(oids.into_iter().map(u64::to_be_bytes).collect())
    }

    fn known(&self, committed: usize) -> MutexGuard<'_, Known> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(committed);
        known
    }
}
