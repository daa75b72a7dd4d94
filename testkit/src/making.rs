//! Making a storage, file by file, as a server and then its end leave it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use dsnap_engine::storage::Storage;

use crate::fixture::{Builder, CODE, State};
use crate::ledger::Ledger;
use crate::transactions::{Transaction, history};
use crate::writing::Writer;

/// Fills a storage whose folders are there; returns how many transactions are whole in `A/`.
pub(crate) fn make(storage: &Storage, builder: &Builder, ledger: &Ledger) -> io::Result<usize> {
    Making { storage, builder, writer: Writer::default() }.make(ledger)
}

/// A fixture being made.
struct Making<'a> {
    storage: &'a Storage,
    builder: &'a Builder,
    writer: Writer,
}

impl Making<'_> {
    fn make(&mut self, ledger: &Ledger) -> io::Result<usize> {
        let config = self.storage.config();
        self.writer.write(&config.join("settings"), settings(self.builder).as_bytes())?;
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

    fn folder_of(&self, transaction: &Transaction) -> PathBuf {
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
        let names: BTreeSet<_> = names.map(|(name, _)| name).collect();
        let owner = fs::metadata(self.storage.root())?;
        let mut archive = tar::Builder::new(Vec::new());
        for (name, number) in names.iter().zip(0..) {
            let place =
                self.builder.format.place(OsStr::new(name)).ok_or(io::ErrorKind::InvalidInput)?;
            let content = &current[name];
            let mut header = tar::Header::new_ustar();
            header.set_path(Path::new("A").join(place))?;
            header.set_size(content.len() as u64);
            header.set_mode(0o640);
            header.set_uid(owner.uid().into());
            header.set_gid(owner.gid().into());
            header.set_mtime(1_768_000_000 + number);
            header.set_cksum();
            archive.append(&header, content.as_slice())?;
        }
        self.writer.write(&self.storage.journal().join("replica.tar"), &archive.into_inner()?)
    }
}

/// `config/settings` as a server has it, every section of it.
fn settings(builder: &Builder) -> String {
    let quick = u8::from(builder.state == State::QuickShutdown);
    let (sync, dirsync) = (u8::from(builder.sync), u8::from(builder.dirsync));
    let (format, class) = (builder.format.name(), builder.class.name());
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
