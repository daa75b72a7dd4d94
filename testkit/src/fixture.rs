//! Storages in every state that needs no live server: what there is to choose. How one is made
//! is `making`'s part.

mod populate;

use std::fs;
use std::io;
use std::path::Path;

use dsnap_engine::storage::Storage;
use dsnap_engine::storage::format::Format;
use tempfile::TempDir;

use crate::ledger::Ledger;
use crate::marker::Marker;
use crate::transactions::{Class, history};
use populate::make;

/// The code under which a fixture was left in a snapshot.
pub(crate) const CODE: &str = "db1-4711-killed";

/// The state that a storage was left in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Made, and never opened.
    Fresh,
    /// Closed cleanly: `shutdown`, and everything in `A/`.
    Clean,
    /// The server crashed: no mark, half a transaction in `A/`, the rest in `journal/`.
    Crashed,
    /// Closed in a hurry (`quick_shutdown`): no mark, a full `journal/`.
    QuickShutdown,
    /// Stopped in any way while in a snapshot: `user/CODE`, later transactions in `B/` and
    /// `journal/`.
    InSnapshot,
    /// Crashed while `B/` was being moved into `A/`.
    Recombining,
    /// Crashed while packing: `packing`.
    Packing,
    /// Closed while a transaction was being committed: `shutdown`, and beside it a transaction.
    ShutdownWithJournal,
    /// The replication tool was interrupted: `journal/replica.tar`.
    Replica,
}

impl State {
    /// All of them.
    pub const ALL: [State; 9] = [
        Self::Fresh,
        Self::Clean,
        Self::Crashed,
        Self::QuickShutdown,
        Self::InSnapshot,
        Self::Recombining,
        Self::Packing,
        Self::ShutdownWithJournal,
        Self::Replica,
    ];

    /// The name on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Clean => "clean",
            Self::Crashed => "crashed",
            Self::QuickShutdown => "quick-shutdown",
            Self::InSnapshot => "in-snapshot",
            Self::Recombining => "recombining",
            Self::Packing => "packing",
            Self::ShutdownWithJournal => "shutdown-with-journal",
            Self::Replica => "replica",
        }
    }
}

/// What a fixture is to be.
#[derive(Debug, Clone)]
pub struct Builder {
    pub(crate) format: Format,
    pub(crate) class: Class,
    pub(crate) state: State,
    transactions: usize,
    pub(crate) sync: bool,
    pub(crate) dirsync: bool,
}

impl Builder {
    /// `[structure] format`; bushy unless told.
    #[must_use]
    pub fn format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// `[storage] classname`; Full unless told.
    #[must_use]
    pub fn class(self, class: Class) -> Self {
        Self { class, ..self }
    }

    /// The state; cleanly closed unless told.
    #[must_use]
    pub fn state(self, state: State) -> Self {
        Self { state, ..self }
    }

    /// How many transactions were committed; 24 unless told.
    #[must_use]
    pub fn transactions(self, transactions: usize) -> Self {
        Self { transactions, ..self }
    }

    /// `[filesystem] sync`.
    #[must_use]
    pub fn sync(self, sync: bool) -> Self {
        Self { sync, ..self }
    }

    /// `[posix] dirsync`.
    #[must_use]
    pub fn dirsync(self, dirsync: bool) -> Self {
        Self { dirsync, ..self }
    }

    /// Makes the storage in a folder that vanishes with the fixture.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn build(&self) -> io::Result<Fixture> {
        let folder = tempfile::tempdir()?;
        let fixture = self.build_in(folder.path())?;
        Ok(Fixture { _folder: Some(folder), ..fixture })
    }

    /// Makes the storage in a folder that is new or empty, and stays.
    ///
    /// # Errors
    ///
    /// The folder is not empty, or a file cannot be written.
    pub fn build_in(&self, dir: &Path) -> io::Result<Fixture> {
        fs::create_dir_all(dir)?;
        if fs::read_dir(dir)?.next().is_some() {
            let what = "is not empty, and was not made by dsnap-testkit: nothing was changed";
            return Err(io::Error::other(format!("{} {what}", dir.display())));
        }
        for folder in ["A", "B", "journal", "misc", "config"] {
            fs::create_dir(dir.join(folder))?;
        }
        let storage = Storage::open(dir).map_err(io::Error::other)?;
        let count = if self.state == State::Fresh { 0 } else { self.transactions };
        let ledger = Ledger::new(self.format, self.class, history(count));
        let in_a = make(&storage, self, &ledger)?;
        let snapshot = (self.state == State::InSnapshot).then_some(in_a);
        Marker { snapshot, end: Some(count), ..Marker::default() }.write(&storage)?;
        Ok(Fixture { storage, ledger, in_a, _folder: None })
    }
}

/// A storage that was made, and what was committed to it.
#[derive(Debug)]
pub struct Fixture {
    storage: Storage,
    ledger: Ledger,
    in_a: usize,
    _folder: Option<TempDir>,
}

impl Fixture {
    /// Says what a fixture is to be.
    pub fn builder() -> Builder {
        Builder {
            format: Format::Bushy,
            class: Class::Full,
            state: State::Clean,
            transactions: 24,
            sync: true,
            dirsync: true,
        }
    }

    /// The storage.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        self.storage.given()
    }

    /// What was committed.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How many transactions are whole in `A/` as the state left it.
    pub fn in_a(&self) -> usize {
        self.in_a
    }

    /// The code of the snapshot that [`State::InSnapshot`] was left in.
    pub fn code(&self) -> &'static str {
        CODE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dsnap_engine::storage::Leftovers;
    use dsnap_engine::storage::snapshot_file::{Content, SnapshotFile};

    fn left(state: State, format: Format, class: Class) -> (Content, Leftovers) {
        let fixture = Fixture::builder().state(state).format(format).class(class).build().unwrap();
        let mark = SnapshotFile::read(&fixture.storage().snapshot()).unwrap();
        (mark.content, fixture.storage().leftovers().unwrap())
    }

    #[test]
    fn every_state_is_what_it_says_in_every_format_and_class() {
        let none = Leftovers::default();
        let done = Leftovers { done: true, ..none };
        for format in Format::ALL {
            for class in Class::ALL {
                let left = |state| left(state, format, class);
                assert_eq!(left(State::Fresh), (Content::Absent, none));
                assert_eq!(left(State::Clean), (Content::Shutdown, none));
                assert_eq!(left(State::Crashed), (Content::Absent, done));
                assert_eq!(left(State::QuickShutdown), (Content::Absent, done));
                assert_eq!(
                    left(State::InSnapshot),
                    (Content::User(CODE.into()), Leftovers { in_b: true, ..done })
                );
                assert_eq!(
                    left(State::Recombining),
                    (Content::Absent, Leftovers { in_b: true, ..done })
                );
                assert_eq!(left(State::Packing), (Content::Packing, done));
                assert_eq!(left(State::ShutdownWithJournal), (Content::Shutdown, done));
                assert_eq!(
                    left(State::Replica),
                    (Content::Absent, Leftovers { replica: true, ..none })
                );
            }
        }
    }

    #[test]
    fn only_an_empty_folder_becomes_a_storage() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("mine"), "").unwrap();
        assert!(Fixture::builder().build_in(folder.path()).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
