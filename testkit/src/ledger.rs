//! What was committed to a fixture, and the verdict on a copy of its `A/`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dsnap_engine::storage::format::Format;

use crate::transactions::{Class, Transaction, hex};

/// What was committed, in order.
#[derive(Debug, Clone)]
pub struct Ledger {
    format: Format,
    class: Class,
    transactions: Vec<Transaction>,
}

/// Whether a copy holds exactly the committed transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How many transactions the copy should hold.
    pub transactions: usize,
    /// How many objects.
    pub objects: usize,
    /// The last transaction.
    pub last: [u8; 8],
    /// The first difference; none if the copy is right.
    pub difference: Option<String>,
}

impl Ledger {
    pub(crate) fn new(format: Format, class: Class, transactions: Vec<Transaction>) -> Self {
        Self { format, class, transactions }
    }

    /// The committed transactions.
    pub fn transactions(&self) -> &[Transaction] {
        &self.transactions
    }

    /// The last transaction, in 16 hexadecimal digits.
    pub fn last_tid_hex(&self) -> String {
        hex(self.last())
    }

    /// The same history, but only its first `count` transactions.
    #[must_use]
    pub fn first(&self, count: usize) -> Self {
        let transactions = self.transactions[..count.min(self.transactions.len())].to_vec();
        Self { transactions, ..*self }
    }

    /// Whether `copy`, a copy of `A/`, holds exactly these transactions.
    pub fn verify(&self, copy: &Path) -> Verdict {
        let objects = self.transactions.iter().flat_map(|transaction| &transaction.objects);
        let objects: std::collections::HashSet<_> = objects.map(|(oid, _)| oid).collect();
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

    /// The files of `A/` when everything is in it: flat names, and contents.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let begin = ["x.oid", "x.serial", "x.packed"].map(|name| (name.to_owned(), vec![0; 8]));
        let later = self.transactions.iter().flat_map(|transaction| transaction.files(self.class));
        begin.into_iter().chain(later).collect()
    }

    fn difference(&self, copy: &Path) -> io::Result<Option<String>> {
        let mut found = Vec::new();
        files_below(copy, Path::new(""), &mut found)?;
        let mut found: std::collections::BTreeSet<_> = found.into_iter().collect();
        for (name, content) in self.files() {
            let Some(place) = self.format.place(OsStr::new(&name)) else { continue };
            if !found.remove(&place) {
                return Ok(Some(format!("{} is missing", place.display())));
            }
            let path = copy.join(&place);
            if fs::read(&path).map_err(|error| named(&path, &error))? != content {
                return Ok(Some(format!("{} holds something else", place.display())));
            }
        }
        Ok(found.first().map(|extra| format!("{} was never committed", extra.display())))
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn files_below(top: &Path, below: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let folder = top.join(below);
    for entry in fs::read_dir(&folder).map_err(|error| named(&folder, &error))? {
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
    /// Whether the copy is right.
    pub fn holds(&self) -> bool {
        self.difference.is_none()
    }

    /// Panics with the difference if the copy is not right: for tests.
    #[track_caller]
    pub fn assert_holds(&self) {
        assert!(self.holds(), "{self}");
    }
}

/// One sentence for people, in two lines.
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
    fn a_verdict_notices_a_changed_byte_a_missing_and_an_extra_file() {
        let fixture = Fixture::builder().state(State::Clean).build().unwrap();
        let a = fixture.storage().a();
        let verify = || fixture.ledger().verify(&a).difference;
        assert_eq!(verify(), None);
        let serial = a.join("x/serial");
        let content = fs::read(&serial).unwrap();
        fs::write(&serial, [&content[..7], &[content[7] ^ 1]].concat()).unwrap();
        assert_eq!(verify(), Some("x/serial holds something else".to_owned()));
        fs::remove_file(&serial).unwrap();
        assert_eq!(verify(), Some("x/serial is missing".to_owned()));
        fs::write(&serial, content).unwrap();
        fs::write(a.join("x/other"), "").unwrap();
        assert_eq!(verify(), Some("x/other was never committed".to_owned()));
    }

    #[test]
    fn a_verdict_on_nothing_at_all_does_not_hold() {
        let fixture = Fixture::builder().state(State::Clean).build().unwrap();
        assert!(!fixture.ledger().verify(Path::new("/no/such/copy")).holds());
    }

    #[test]
    fn the_first_transactions_are_a_ledger_of_their_own() {
        let fixture = Fixture::builder().state(State::InSnapshot).build().unwrap();
        let a = fixture.storage().a();
        assert!(!fixture.ledger().verify(&a).holds());
        fixture.ledger().first(fixture.in_a()).verify(&a).assert_holds();
    }
}
