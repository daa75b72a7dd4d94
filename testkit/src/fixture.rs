//! Storages in every state that a server or a crash can leave, made file by file.
//!
//! Dependencies between the modules point down this list only: `fixture`, `populate` (writes the
//! files), `spec` (the choices).

mod populate;
mod spec;

use std::fs;
use std::io;
use std::path::Path;

use dsnap_engine::storage::Storage;
use dsnap_engine::storage::format::Format;
use tempfile::TempDir;

use crate::ledger::Ledger;
use crate::marker::Marker;
use crate::transactions::{Class, history};

use populate::populate;
use spec::{LEFT_CODE, Spec};

pub use spec::State;

/// The choices of a fixture.
#[derive(Debug, Clone)]
pub struct Builder(Spec);

impl Builder {
    /// Sets `[structure] format`; bushy by default.
    #[must_use]
    pub fn format(self, format: Format) -> Self {
        Self(Spec { format, ..self.0 })
    }

    /// Sets `[storage] classname`; Full by default.
    #[must_use]
    pub fn class(self, class: Class) -> Self {
        Self(Spec { class, ..self.0 })
    }

    /// Sets the state; cleanly closed by default.
    #[must_use]
    pub fn state(self, state: State) -> Self {
        Self(Spec { state, ..self.0 })
    }

    /// Sets how many transactions were committed; 24 by default.
    #[must_use]
    pub fn transactions(self, transactions: usize) -> Self {
        Self(Spec { transactions, ..self.0 })
    }

    /// Sets `[filesystem] sync`; on by default.
    #[must_use]
    pub fn sync(self, sync: bool) -> Self {
        Self(Spec { sync, ..self.0 })
    }

    /// Sets `[posix] dirsync`; on by default.
    #[must_use]
    pub fn dirsync(self, dirsync: bool) -> Self {
        Self(Spec { dirsync, ..self.0 })
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

    /// Makes the storage in a new or empty folder, which stays.
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
        let Self(spec) = self;
        let count = if spec.state == State::Fresh { 0 } else { spec.transactions };
        let ledger = Ledger::new(spec.format, spec.class, history(count));
        let in_a = populate(&storage, spec, &ledger)?;
        let snapshot = (spec.state == State::InSnapshot).then_some(in_a);
        Marker { snapshot, end: Some(count), ..Marker::default() }.write(&storage)?;
        Ok(Fixture { storage, ledger, in_a, _folder: None })
    }
}

/// A storage made for a test, and the ledger of its transactions.
#[derive(Debug)]
pub struct Fixture {
    storage: Storage,
    ledger: Ledger,
    in_a: usize,
    _folder: Option<TempDir>,
}

impl Fixture {
    /// Returns the choices of a fixture with their defaults.
    pub fn builder() -> Builder {
        Builder(Spec {
            format: Format::Bushy,
            class: Class::Full,
            state: State::Clean,
            transactions: 24,
            sync: true,
            dirsync: true,
        })
    }

    /// Returns the storage.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Returns the storage's directory.
    pub fn path(&self) -> &Path {
        self.storage.given()
    }

    /// Returns the ledger of the committed transactions.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns how many complete transactions `A/` contains.
    pub fn in_a(&self) -> usize {
        self.in_a
    }

    /// Returns the code of the snapshot that [`State::InSnapshot`] was left in.
    pub fn code(&self) -> &'static str {
        LEFT_CODE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dsnap_engine::storage::Leftovers;
    use dsnap_engine::storage::snapshot_file::{Content, SnapshotFile};

    fn left(state: State, format: Format, class: Class) -> (Content, Leftovers) {
        // Few transactions suffice: every place that a state fills gets at least one.
        let builder = Fixture::builder().state(state).format(format).class(class);
        let fixture = builder.transactions(6).build().unwrap();
        let file = SnapshotFile::read(fixture.storage()).unwrap();
        (file.content, fixture.storage().leftovers().unwrap())
    }

    #[test]
    fn every_state_has_its_leftovers_in_every_format_and_class() {
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
                    (Content::User(LEFT_CODE.into()), Leftovers { in_b: true, ..done })
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
    fn a_folder_with_a_file_in_it_does_not_become_a_storage() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("mine"), "").unwrap();
        assert!(Fixture::builder().build_in(folder.path()).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
