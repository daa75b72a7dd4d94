//! Storages in every state that needs no live server.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;

use dsnap_core::{Format, Storage};
use tempfile::TempDir;

use crate::ledger::Ledger;
use crate::transactions::{Class, Transaction, history};
use crate::writing::Writer;

/// The code under which a fixture was left in a snapshot.
const CODE: &str = "db1-4711-killed";

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
}

/// What a fixture is to be.
#[derive(Debug, Clone)]
pub struct Builder {
    format: Format,
    class: Class,
    state: State,
    transactions: usize,
    sync: bool,
    dirsync: bool,
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
            return Err(io::Error::other(format!("{} is not empty", dir.display())));
        }
        for folder in ["A", "B", "journal", "misc", "config"] {
            fs::create_dir(dir.join(folder))?;
        }
        let storage = Storage::open(dir).map_err(io::Error::other)?;
        let count = if self.state == State::Fresh { 0 } else { self.transactions };
        let ledger = Ledger::new(self.format, self.class, history(count));
        let mut making = Making { storage: &storage, builder: self, writer: Writer::default() };
        let in_a = making.make(&ledger)?;
        Ok(Fixture { storage, ledger, in_a, _folder: None })
    }

    fn settings(&self) -> String {
        let quick = u8::from(self.state == State::QuickShutdown);
        let (sync, dirsync) = (u8::from(self.sync), u8::from(self.dirsync));
        let (format, class) = (self.format.name(), self.class.name());
        format!(
            "# A storage made for tests.\n\n[structure]\nformat: {format}\nversion: 0.11\n\n\
             [md5policy]\nwrite: 1\nread: 1\noverwrite: 0\nundolog: 1\nundo: 1\nhistory: 1\npack: 1\n\n\
             [journal]\nflush_interval: 3600\nflush_file_threshold: 2000\n\
             flush_transaction_threshold: 200\nbacklog: 3\n\n\
             [storage]\nclassname: {class}\nhistory_timeout: 10\ndelay_delete: 864000\nmin_pack_time: 600\n\
             check_dangling_references: 1\nkeep_policy: detailed\n\n\
             [filesystem]\nsync: {sync}\nquick_shutdown: {quick}\n\n[windows]\nmark: attributes\n\n\
             [posix]\nmark: permissions\ndirsync: {dirsync}\n\n[keepclass]\n"
        )
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

/// A fixture being made.
struct Making<'a> {
    storage: &'a Storage,
    builder: &'a Builder,
    writer: Writer,
}

impl Making<'_> {
    /// Makes everything; returns how many transactions are whole in `A/`.
    fn make(&mut self, ledger: &Ledger) -> io::Result<usize> {
        let config = self.storage.config();
        self.writer.write(&config.join("settings"), self.builder.settings().as_bytes())?;
        self.writer.write(&config.join("identity"), b"0123456789abcdef0123456789abcdef")?;
        for lock in [self.storage.lock(), self.storage.sublock()] {
            self.writer.write(&lock, b" 4711\n")?;
        }
        let all = ledger.transactions();
        let (third, half) = (all.len() / 3, all.len() / 2);
        let in_a = match self.builder.state {
            State::Fresh | State::Clean => all.len(),
            State::InSnapshot | State::Recombining => third,
            State::ShutdownWithJournal => all.len().saturating_sub(1),
            _ => half,
        };
        self.fill(&ledger.first(in_a))?;
        self.state(ledger, &all[in_a..])?;
        Ok(in_a)
    }

    /// What lies outside `A/`, and the mark.
    fn state(&mut self, ledger: &Ledger, later: &[Transaction]) -> io::Result<()> {
        match self.builder.state {
            State::Fresh => Ok(()),
            State::Clean => self.mark("shutdown"),
            State::Crashed => {
                self.journal(later)?;
                self.flush_half(later)?;
                self.unfinished(ledger)
            }
            State::QuickShutdown => self.journal(later),
            State::Packing => {
                self.journal(later)?;
                self.mark("packing")
            }
            State::ShutdownWithJournal => {
                self.journal(later)?;
                self.mark("shutdown")
            }
            State::InSnapshot => {
                self.b_and_journal(later)?;
                self.unfinished(ledger)?;
                self.mark(&format!("user/{CODE}"))
            }
            State::Recombining => {
                self.b_and_journal(later)?;
                self.recombine_half(&self.storage.b(), &self.storage.a(), &mut 0)
            }
            State::Replica => self.replica(ledger, later),
        }
    }

    fn mark(&mut self, content: &str) -> io::Result<()> {
        self.writer.write(&self.storage.snapshot(), content.as_bytes())
    }

    fn fill(&mut self, ledger: &Ledger) -> io::Result<()> {
        let a = self.storage.a();
        ledger.files().iter().try_for_each(|(name, content)| {
            self.writer.place(&a, self.builder.format, name, content)
        })
    }

    fn journal(&mut self, transactions: &[Transaction]) -> io::Result<()> {
        for transaction in transactions {
            let folder = self.folder_of(transaction);
            for (name, content) in transaction.files(self.builder.class) {
                self.writer.write(&folder.join(name), &content)?;
            }
        }
        Ok(())
    }

    fn folder_of(&self, transaction: &Transaction) -> std::path::PathBuf {
        self.storage.journal().join(format!("working_{}_done", transaction.tid_hex()))
    }

    /// A transaction that was being written and never committed.
    fn unfinished(&mut self, ledger: &Ledger) -> io::Result<()> {
        let all = history(ledger.transactions().len() + 1);
        let Some(next) = all.last() else { return Ok(()) };
        let folder = self.storage.journal().join(format!("working_{}_temp", next.tid_hex()));
        let files = next.files(self.builder.class);
        files
            .iter()
            .take(2)
            .try_for_each(|(name, content)| self.writer.write(&folder.join(name), content))
    }

    /// The server was moving the oldest transaction into `A/`: every second file has arrived.
    fn flush_half(&mut self, later: &[Transaction]) -> io::Result<()> {
        let Some(oldest) = later.first() else { return Ok(()) };
        let folder = self.folder_of(oldest);
        for (name, content) in oldest.files(self.builder.class).iter().step_by(2) {
            self.writer.place(&self.storage.a(), self.builder.format, name, content)?;
            fs::remove_file(folder.join(name))?;
        }
        Ok(())
    }

    fn b_and_journal(&mut self, later: &[Transaction]) -> io::Result<()> {
        let (in_b, in_journal) = later.split_at(later.len() / 2);
        for transaction in in_b {
            for (name, content) in transaction.files(self.builder.class) {
                self.writer.place(&self.storage.b(), self.builder.format, &name, &content)?;
            }
        }
        self.journal(in_journal)
    }

    /// Every second file of `b` has arrived in `a`.
    fn recombine_half(&self, b: &Path, a: &Path, count: &mut usize) -> io::Result<()> {
        for entry in fs::read_dir(b)? {
            let entry = entry?;
            let to = a.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                fs::create_dir_all(&to)?;
                self.recombine_half(&entry.path(), &to, count)?;
            } else {
                *count += 1;
                if count.is_multiple_of(2) {
                    fs::rename(entry.path(), &to)?;
                }
            }
        }
        Ok(())
    }

    /// The archive that the replication tool fetches: the current files of later transactions.
    fn replica(&mut self, ledger: &Ledger, later: &[Transaction]) -> io::Result<()> {
        let current = ledger.files();
        let names = later.iter().flat_map(|transaction| transaction.files(self.builder.class));
        let names: std::collections::BTreeSet<_> = names.map(|(name, _)| name).collect();
        let mut archive = tar::Builder::new(Vec::new());
        for (name, number) in names.iter().zip(0..) {
            let place =
                self.builder.format.place(OsStr::new(name)).ok_or(io::ErrorKind::InvalidInput)?;
            let content = &current[name];
            let mut header = tar::Header::new_ustar();
            header.set_path(Path::new("A").join(place))?;
            header.set_size(content.len() as u64);
            header.set_mode(0o640);
            header.set_mtime(1_768_000_000 + number);
            header.set_cksum();
            archive.append(&header, content.as_slice())?;
        }
        self.writer.write(&self.storage.journal().join("replica.tar"), &archive.into_inner()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dsnap_core::mark::{Content, Mark};
    use dsnap_core::storage::Leftovers;

    fn left(state: State, format: Format, class: Class) -> (Content, Leftovers) {
        let fixture = Fixture::builder().state(state).format(format).class(class).build().unwrap();
        let mark = Mark::look(&fixture.storage().snapshot()).unwrap();
        (mark.content, fixture.storage().leftovers().unwrap())
    }

    #[test]
    fn every_state_is_what_it_says_in_every_format_and_class() {
        let none = Leftovers::default();
        let done = Leftovers { done: true, ..none };
        for format in Format::ALL {
            for class in [Class::Full, Class::Minimal] {
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
