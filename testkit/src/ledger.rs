//! The ledger of a storage's transactions, and the verdict on a copy of its `A/`.

mod moment;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dsnap_engine::storage::format::Format;

use crate::transactions::{Class, Transaction, hex};

pub use moment::MomentVerdict;

/// The committed transactions, in order.
#[derive(Debug, Clone)]
pub struct Ledger {
    format: Format,
    class: Class,
    transactions: Vec<Transaction>,
}

/// The comparison of a copy with the committed transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The number of transactions that the copy should contain.
    pub transactions: usize,
    /// The number of objects that it should contain.
    pub objects: usize,
    /// The identifier of the last transaction.
    pub last: [u8; 8],
    /// The first difference; `None` if the copy is right.
    pub difference: Option<String>,
}

impl Ledger {
    pub(crate) fn new(format: Format, class: Class, transactions: Vec<Transaction>) -> Self {
        Self { format, class, transactions }
    }

    /// Returns the committed transactions.
    pub fn transactions(&self) -> &[Transaction] {
        &self.transactions
    }

    /// Returns the identifier of the last transaction in 16 hexadecimal digits.
    pub fn last_tid_hex(&self) -> String {
        hex(self.last())
    }

    /// Returns a ledger of only the first `count` transactions.
    #[must_use]
    pub fn first(&self, count: usize) -> Self {
        let transactions = self.transactions[..count.min(self.transactions.len())].to_vec();
        Self { transactions, ..*self }
    }

    /// Compares `copy`, a copy of `A/`, with these transactions.
    pub fn verify(&self, copy: &Path) -> Verdict {
        let objects = self.transactions.iter().flat_map(|transaction| &transaction.objects);
        let objects: HashSet<_> = objects.map(|(oid, _)| oid).collect();
        Verdict {
            transactions: self.transactions.len(),
            objects: objects.len(),
            last: self.last(),
            difference: self.difference(copy).unwrap_or_else(|error| Some(error.to_string())),
        }
    }

    fn last(&self) -> [u8; 8] {
        self.transactions.last().map_or([0; 8], |transaction| transaction.tid)
    }

    /// Returns the files of `A/` when it contains everything: flat names and contents.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let initial = ["x.oid", "x.serial", "x.packed"].map(|name| (name.to_owned(), vec![0; 8]));
        let later = self.transactions.iter().flat_map(|transaction| transaction.files(self.class));
        initial.into_iter().chain(later).collect()
    }

    fn difference(&self, copy: &Path) -> io::Result<Option<String>> {
        let mut found = Vec::new();
        files_below(copy, Path::new(""), &mut found)?;
        let mut found: BTreeSet<_> = found.into_iter().collect();
        for (name, content) in self.files() {
            let Some(place) = self.format.place(OsStr::new(&name)) else { continue };
            if !found.remove(&place) {
                return Ok(Some(format!("{} is missing", place.display())));
            }
            let path = copy.join(&place);
            if fs::read(&path).map_err(|error| with_path(&path, &error))? != content {
                return Ok(Some(format!("{} has other content", place.display())));
            }
        }
        Ok(found.first().map(|extra| format!("{} was never committed", extra.display())))
    }
}

fn with_path(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn files_below(top: &Path, below: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let folder = top.join(below);
    for entry in fs::read_dir(&folder).map_err(|error| with_path(&folder, &error))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            files_below(top, &path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

impl Verdict {
    /// Tells whether the copy contains exactly the committed transactions.
    pub fn holds(&self) -> bool {
        self.difference.is_none()
    }

    /// Panics with the difference unless the copy is right: for tests.
    #[track_caller]
    pub fn assert_holds(&self) {
        assert!(self.holds(), "{self}");
    }
}

/// One sentence in two lines.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transactions, objects, last, difference } = self;
        match difference {
            None => write!(
                f,
                "the copy holds exactly the {transactions} committed transactions\n({objects} objects; the last transaction is {})",
                hex(*last)
            ),
            Some(difference) => write!(
                f,
                "the copy does not hold exactly the {transactions} committed transactions\n({objects} objects; the last transaction is {}): {difference}",
                hex(*last)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fixture, State};

    #[test]
    fn a_verdict_names_a_changed_a_missing_and_an_extra_file() {
        let fixture = Fixture::builder().state(State::Clean).build().unwrap();
        let a = fixture.storage().a();
        let verify = || fixture.ledger().verify(&a).difference;
        assert_eq!(verify(), None);
        let serial = a.join("x/serial");
        let content = fs::read(&serial).unwrap();
        fs::write(&serial, [&content[..7], &[content[7] ^ 1]].concat()).unwrap();
        assert_eq!(verify(), Some("x/serial has other content".to_owned()));
        fs::remove_file(&serial).unwrap();
        assert_eq!(verify(), Some("x/serial is missing".to_owned()));
        fs::write(&serial, content).unwrap();
        fs::write(a.join("x/other"), "").unwrap();
        assert_eq!(verify(), Some("x/other was never committed".to_owned()));
    }

    #[test]
    fn a_verdict_on_a_copy_that_does_not_exist_does_not_hold() {
        let fixture = Fixture::builder().state(State::Clean).build().unwrap();
        assert!(!fixture.ledger().verify(Path::new("/no/such/copy")).holds());
    }

    #[test]
    fn a_ledger_of_the_first_transactions_verifies_an_older_copy() {
        let fixture = Fixture::builder().state(State::InSnapshot).build().unwrap();
        let a = fixture.storage().a();
        assert!(!fixture.ledger().verify(&a).holds());
        fixture.ledger().first(fixture.in_a()).verify(&a).assert_holds();
    }
}
