//! The verdict on a copy that was made at an unknown moment: does it contain whole transactions only?

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Ledger, files_below};
use crate::transactions::hex;

/// The file of `A/` that names the last transaction.
const LAST: &str = "x.serial";

/// The comparison of a copy with the moment that the copy itself names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MomentVerdict {
    /// The copy is right: it contains the first transactions, so many of them, and nothing else.
    Whole(usize),
    /// The copy contains files of different moments.
    Torn {
        /// The last transaction, as the copy says.
        last: [u8; 8],
        /// How many files are missing, or not as they were right after that transaction.
        files: usize,
        /// The first of them.
        example: PathBuf,
    },
    /// The copy does not say which transaction is its last one.
    NoMoment,
}

impl Ledger {
    /// Compares `copy`, a copy of `A/`, with `A/` as it was right after the last transaction that the
    /// copy names. This ledger must contain everything that was committed when the copy was complete.
    ///
    /// # Errors
    ///
    /// The copy cannot be read.
    pub fn verify_moment(&self, copy: &Path) -> io::Result<MomentVerdict> {
        let place = self.format.place(OsStr::new(LAST)).ok_or(io::ErrorKind::InvalidInput)?;
        let Ok(last) = fs::read(copy.join(place)) else { return Ok(MomentVerdict::NoMoment) };
        let count = self.transactions.iter().position(|it| it.tid == *last);
        let Some(count) = count.map(|before| before + 1) else {
            return Ok(MomentVerdict::NoMoment);
        };
        let differing = self.first(count).differing_files(copy)?;
        let last = self.transactions[count - 1].tid;
        Ok(match differing.first() {
            None => MomentVerdict::Whole(count),
            Some(example) => {
                MomentVerdict::Torn { last, files: differing.len(), example: example.clone() }
            }
        })
    }

    /// Lists the files that are missing in a copy, have other content, or do not belong there.
    fn differing_files(&self, copy: &Path) -> io::Result<Vec<PathBuf>> {
        let placed = self.files().into_iter().filter_map(|(name, content)| {
            self.format.place(OsStr::new(&name)).map(|place| (place, content))
        });
        let mut expected: BTreeMap<_, _> = placed.collect();
        let (mut found, mut differing) = (Vec::new(), Vec::new());
        files_below(copy, Path::new(""), &mut found)?;
        for place in found {
            let content = fs::read(copy.join(&place))?;
            if expected.remove(&place) != Some(content) {
                differing.push(place);
            }
        }
        differing.extend(expected.into_keys());
        differing.sort();
        Ok(differing)
    }
}

impl MomentVerdict {
    /// Tells whether the copy is right.
    pub fn holds(&self) -> bool {
        matches!(self, Self::Whole(_))
    }
}

impl fmt::Display for MomentVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(count) => {
                write!(f, "the copy holds exactly the first {count} transactions")
            }
            Self::Torn { last, files, example } => write!(
                f,
                "the copy says that its last transaction is {},\nbut it is not as A/ was after that transaction (wrong files: {files}, for example {})",
                hex(*last),
                example.display()
            ),
            Self::NoMoment => {
                f.write_str("the copy does not say which transaction is its last one")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fixture, State};

    #[test]
    fn a_copy_of_any_moment_is_whole() {
        let fixture = Fixture::builder().state(State::InSnapshot).build().unwrap();
        let (a, ledger) = (fixture.storage().a(), fixture.ledger());
        assert!(!ledger.verify(&a).holds(), "later transactions are not in it");
        assert_eq!(ledger.verify_moment(&a).unwrap(), MomentVerdict::Whole(fixture.in_a()));
    }

    #[test]
    fn each_file_of_another_moment_is_counted() {
        let fixture = Fixture::builder().state(State::Clean).build().unwrap();
        let (a, ledger) = (fixture.storage().a(), fixture.ledger());
        let count = ledger.transactions().len();
        assert_eq!(ledger.verify_moment(&a).unwrap(), MomentVerdict::Whole(count));
        // As if `x.serial` had been copied before the last transaction, and everything else after it.
        let before = ledger.transactions()[count - 2].tid;
        fs::write(a.join("x/serial"), before).unwrap();
        let later = ledger.first(count).files().len() - ledger.first(count - 1).files().len();
        match ledger.verify_moment(&a).unwrap() {
            MomentVerdict::Torn { last, files, .. } => {
                assert_eq!(last, before);
                assert!(files > later, "{files}, of which {later} are new");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_copy_that_names_no_committed_transaction_has_no_moment() {
        let fixture = Fixture::builder().state(State::Clean).build().unwrap();
        let a = fixture.storage().a();
        fs::write(a.join("x/serial"), [9; 8]).unwrap();
        assert_eq!(fixture.ledger().verify_moment(&a).unwrap(), MomentVerdict::NoMoment);
        fs::remove_file(a.join("x/serial")).unwrap();
        assert_eq!(fixture.ledger().verify_moment(&a).unwrap(), MomentVerdict::NoMoment);
    }
}
