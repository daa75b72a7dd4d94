//! How a simulated server writes and moves the files of its storage.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use dsnap_engine::storage::format::Format;
use dsnap_engine::storage::{JournalEntry, Storage};

use crate::transactions::{Class, History, Transaction};
use crate::writing::Writer;

/// The files of a storage, its format and its class.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) storage: Storage,
    format: Format,
    class: Class,
    writer: Mutex<Writer>,
}

impl Files {
    pub(super) fn of(storage: &Storage) -> io::Result<Self> {
        let format = storage.settings().map_err(io::Error::other)?.format;
        let class = Class::of(storage)?;
        let storage = Storage::open(storage.given()).map_err(io::Error::other)?;
        Ok(Self { storage, format, class, writer: Mutex::new(Writer::now()) })
    }

    /// Writes a transaction into the journal, and commits it by renaming its folder.
    pub(super) fn write_transaction(&self, transaction: &Transaction) -> io::Result<()> {
        let folder = |end| self.journal_folder(transaction, end);
        for (name, content) in transaction.files(self.class) {
            self.write(&folder("temp").join(name), &content)?;
        }
        fs::rename(folder("temp"), folder("done"))
    }

    fn journal_folder(&self, transaction: &Transaction, end: &str) -> PathBuf {
        self.storage.journal().join(format!("working_{}_{end}", transaction.tid_hex()))
    }

    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut writer = self.writer.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        writer.write(path, content)
    }

    /// Writes `misc/snapshot` in place, as the real server does.
    pub(super) fn write_snapshot_file(&self, code: &str) -> io::Result<()> {
        fs::write(self.storage.snapshot(), code)
    }

    pub(super) fn remove_snapshot_file(&self) -> io::Result<()> {
        match fs::remove_file(self.storage.snapshot()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Moves one file of a transaction from the journal to its place in `A/` or `B/`. Without a
    /// file left, removes the empty folder and returns false.
    pub(super) fn move_one(&self, transaction: &Transaction, into: &Path) -> io::Result<bool> {
        let folder = self.journal_folder(transaction, "done");
        match fs::read_dir(&folder)?.next().transpose()? {
            Some(file) => self.place(&file.path(), &file.file_name(), into).map(|()| true),
            None => fs::remove_dir(folder).map(|()| false),
        }
    }

    fn place(&self, file: &Path, name: &OsStr, into: &Path) -> io::Result<()> {
        let place = into.join(self.format.place(name).ok_or(io::ErrorKind::InvalidData)?);
        place.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::rename(file, place)
    }

    /// Moves one file of `B/` into `A/`, and removes empty folders; false if `B/` is empty.
    pub(super) fn recombine_one(&self) -> io::Result<bool> {
        move_one_below(&self.storage.b(), &self.storage.a())
    }

    /// Rolls the storage forward after the last server's end: moves what it left into `B/`, then into
    /// `A/`, as the real server does.
    pub(super) fn recover(&self) -> io::Result<()> {
        self.empty_journal_into_b()?;
        self.remove_snapshot_file()?;
        while self.recombine_one()? {}
        Ok(())
    }

    /// Moves what the last server left in the journal into `B/`, the oldest first. This comes before the first
    /// commit: everything in `B/` must be older than everything in the journal.
    pub(super) fn empty_journal_into_b(&self) -> io::Result<()> {
        let mut folders = Vec::new();
        for entry in fs::read_dir(self.storage.journal())? {
            let entry = entry?;
            match JournalEntry::of(&entry.file_name()) {
                JournalEntry::Done => folders.push(entry.path()),
                JournalEntry::Temp => fs::remove_dir_all(entry.path())?,
                _ => {
                    return Err(io::Error::other(
                        "the journal contains an entry that the simulated server does not understand",
                    ));
                }
            }
        }
        folders.sort();
        for folder in folders {
            for file in fs::read_dir(&folder)? {
                let file = file?;
                self.place(&file.path(), &file.file_name(), &self.storage.b())?;
            }
            fs::remove_dir(folder)?;
        }
        Ok(())
    }

    /// Returns the history of this storage, which continues after its last transaction.
    pub(super) fn history(&self) -> io::Result<History> {
        let newest = |folder: &Path| {
            let place = self.format.place(OsStr::new("x.serial"))?;
            fs::read(folder.join(place)).ok()
        };
        let journal = || {
            let folders = fs::read_dir(self.storage.journal()).ok()?.flatten();
            let done = folders
                .filter(|entry| matches!(JournalEntry::of(&entry.file_name()), JournalEntry::Done));
            let last = done.map(|entry| entry.path()).max()?;
            fs::read(last.join("x.serial")).ok()
        };
        let serial =
            journal().or_else(|| newest(&self.storage.b())).or_else(|| newest(&self.storage.a()));
        let serial = serial.ok_or(io::ErrorKind::NotFound)?;
        Ok(History::after(&serial))
    }
}

/// Moves the first file found below `from` to the same place below `to`. Returns false if it finds no file.
fn move_one_below(from: &Path, to: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (inner, target) = (entry.path(), to.join(entry.file_name()));
        if !entry.file_type()?.is_dir() {
            fs::create_dir_all(to)?;
            return fs::rename(inner, target).map(|()| true);
        }
        if move_one_below(&inner, &target)? {
            return Ok(true);
        }
        fs::remove_dir(inner)?;
    }
    Ok(false)
}
