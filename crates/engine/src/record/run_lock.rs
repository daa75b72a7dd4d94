//! `misc/dsnap.lock`: the lock of a run, and what runs write into it.
//!
//! The lock keeps two runs from leaving each other's snapshot. Its file says which run holds it now,
//! and keeps a [`Record`] of every snapshot that may be held. Because the file is a lock, it is
//! written in place and never replaced. COMMAND does not inherit it.

use std::cell::RefCell;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::SystemTime;

use dsnap_core::Code;

use crate::failure::Failure;
use crate::limits::MAX_RECORDS;
use crate::record::FILE;
use crate::record::LastRun;
use crate::record::contents::Contents;
use crate::record::entry::Record;
use crate::record::evidence::Evidence;
use crate::record::run_record::RunRecord;
use crate::storage::Storage;
use crate::storage::durability::Durability;
use crate::storage::main_lock::LockStamp;
use crate::system::flock::{FileLock, LockError};
use crate::system::folder::Folder;
use crate::system::lock_holders;
use crate::system::process::ProcessId;

/// The mode of the file, whatever the umask: runs of the owner and of the group may take turns.
const MODE: u32 = 0o660;

/// The lock of a run, held, and what its file says.
#[derive(Debug)]
pub struct RunLock {
    lock: FileLock,
    inode: u64,
    durability: Durability,
    /// `misc/`: a file that was just made may be lost unless its folder is synced, too.
    folder: Folder,
    damaged: usize,
    written: RefCell<Contents>,
}

impl RunLock {
    /// Takes the lock, and reads what earlier runs wrote.
    ///
    /// # Errors
    ///
    /// Another run holds the lock, or the file cannot be read or written.
    pub fn take(storage: &Storage) -> Result<Self, Failure> {
        let misc = &storage.folders().misc;
        let no_access = |error| Failure::from(misc.error(FILE, "cannot be locked", &error));
        match storage.take_lock_without_pid(FILE, || Some(MODE)) {
            Ok(lock) => {
                Self::read(lock, Durability::of_storage(storage), misc.clone()).map_err(no_access)
            }
            Err(LockError::Held) => {
                let by = lock_holders::holder(&storage.run_lock());
                let what = format!("another run of dsnap uses this storage: {by}");
                Err(Failure::in_use(what).hint("wait for its end with -t, for example -t 1h"))
            }
            Err(LockError::Io(error)) => Err(no_access(error)),
        }
    }

    fn read(lock: FileLock, durability: Durability, folder: Folder) -> io::Result<Self> {
        let inode = lock.file().metadata()?.ino();
        let (written, damaged) = Contents::parse(&lock.read()?);
        let written = RefCell::new(Contents { run: None, ..written });
        Ok(Self { lock, inode, durability, folder, damaged, written })
    }

    /// Returns how many lines cannot be read; they are ignored.
    pub fn damaged(&self) -> usize {
        self.damaged
    }

    /// Returns the inode of the file.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// Writes the file again, and returns the time that its file system gives it, if that works.
    pub fn now(&self) -> Option<SystemTime> {
        self.write(&self.written.borrow()).ok()?;
        self.lock.file().metadata().and_then(|found| found.modified()).ok()
    }

    /// Returns the records that were written to this very file, oldest first.
    pub fn records(&self) -> Vec<Record> {
        let here = |record: &&Record| record.file == self.inode;
        self.written.borrow().records.iter().filter(here).cloned().collect()
    }

    /// Says whether the file contains records that were written to another file: then this storage is
    /// a file-by-file copy, made while a run held the original.
    pub fn is_copy(&self) -> bool {
        self.written.borrow().records.iter().any(|record| record.file != self.inode)
    }

    /// Removes the records that were copied from another storage.
    pub fn forget_copied(&self) {
        self.change(|written| written.records.retain(|record| record.file == self.inode));
    }

    /// Says whether a record with this code is kept.
    pub fn remembers(&self, code: &Code) -> bool {
        self.written.borrow().records.iter().any(|record| &record.code == code)
    }

    /// Says whether an enter under this code is not known to be over.
    pub(crate) fn may_still_enter(&self, code: &Code) -> bool {
        let unknown = |it: &Record| it.is_of(code, None) && it.evidence == Evidence::Unknown;
        self.written.borrow().records.iter().any(unknown)
    }

    /// Says whether a record with this code and line is kept.
    pub(crate) fn remembers_line(&self, code: &Code, line: &[u8]) -> bool {
        self.written.borrow().records.iter().any(|record| record.is_of(code, Some(line)))
    }

    /// Writes what `misc/lock` was when the line had been asked, if that is not what it was before.
    pub(crate) fn asked(&self, code: &Code, line: &[u8], main_lock: Option<LockStamp>) {
        let is_it = |known: &Record| known.is_of(code, Some(line)) && known.main_lock != main_lock;
        let known = self.written.borrow().records.iter().position(is_it);
        if let Some(known) = known {
            self.change(|written| written.records[known].main_lock = main_lock);
        }
    }

    /// Writes which run this is. If that fails (a full disk), others merely cannot see it.
    pub fn describe(&self, run: &RunRecord) {
        self.change(|written| written.run = Some(run.clone()));
    }

    /// Writes which process COMMAND is, in the run that holds `code`.
    pub fn command_began(&self, code: &Code, process: &ProcessId) {
        self.change(|written| {
            let held = written.records.iter_mut().filter(|record| &record.code == code);
            held.for_each(|record| record.command = Some(process.clone()));
            if let Some(run) = &mut written.run {
                run.command = Some(process.clone());
            }
        });
    }

    /// Writes to disk that a snapshot is about to be entered. Replaces the record with the same code
    /// and line.
    ///
    /// # Errors
    ///
    /// The record cannot be written: then the snapshot must not be entered.
    pub fn record_intent(&self, record: Record) -> io::Result<()> {
        let mut written = self.written.borrow_mut();
        let before = written.records.clone();
        written.records.retain(|known| !known.is_of(&record.code, Some(&record.line)));
        written.records.push(record);
        let surplus = written.records.len().saturating_sub(MAX_RECORDS);
        written.records.drain(..surplus);
        let done = self.write(&written).and_then(|()| self.sync());
        if done.is_err() {
            written.records = before;
            // The file may be half written; try to restore it.
            let _ = self.write(&written);
        }
        done
    }

    /// Writes what is known of a snapshot. If that fails, a later run finds it out again.
    pub fn set_evidence(&self, code: &Code, line: &[u8], evidence: Evidence) {
        let is_it = |known: &Record| known.is_of(code, Some(line)) && known.evidence != evidence;
        let known = self.written.borrow().records.iter().position(is_it);
        if let Some(known) = known {
            self.change(|written| written.records[known].evidence = evidence);
        }
    }

    /// Removes the record of a code and line: nothing is held any more. Without a line, removes all
    /// records of the code but those of other storages.
    pub fn settle(&self, code: &Code, line: Option<&[u8]>) {
        let settled = |known: &Record| {
            known.is_of(code, line) && (line.is_some() || known.evidence != Evidence::Elsewhere)
        };
        self.change(|written| written.records.retain(|known| !settled(known)));
    }

    /// Writes how the run ended, removes the line about it, and releases the lock.
    pub fn release(self, last: Option<LastRun>) {
        self.change(|written| {
            written.run = None;
            written.last = last.or(written.last.take());
        });
    }

    fn change(&self, change: impl FnOnce(&mut Contents)) {
        let mut written = self.written.borrow_mut();
        change(&mut written);
        let _ = self.write(&written);
    }

    /// Puts the file on disk, as far as the settings of the storage want that.
    fn sync(&self) -> io::Result<()> {
        self.durability.file(self.lock.file())?;
        self.durability.folder(&self.folder)
    }

    fn write(&self, written: &Contents) -> io::Result<()> {
        self.lock.write(written.to_text(self.inode).as_bytes())
    }
}

impl Record {
    fn is_of(&self, code: &Code, line: Option<&[u8]>) -> bool {
        &self.code == code && line.is_none_or(|line| self.line == line)
    }
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::storage::testing::storage;
    use crate::system::process::Host;

    fn run() -> RunRecord {
        RunRecord::new(Code::from_bytes(b"db-1-x").unwrap())
    }

    #[test]
    fn the_present_is_the_time_of_the_file_system() {
        let (_folder, storage) = storage();
        let lock = RunLock::take(&storage).unwrap();
        lock.lock.file().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let other = fs::File::create(storage.snapshot()).unwrap();
        assert!(lock.now() >= other.metadata().unwrap().modified().ok());
    }

    #[test]
    fn two_runs_exclude_each_other_and_the_second_may_wait() {
        let (_folder, storage) = storage();
        let lock = RunLock::take(&storage).unwrap();
        let failure = RunLock::take(&storage).unwrap_err();
        assert!(matches!(failure, Failure::InUse(_)));
        assert!(
            failure.reason().text().starts_with("another run of dsnap uses this storage: "),
            "{failure}"
        );
        lock.release(None);
        assert!(RunLock::take(&storage).is_ok());
    }

    #[test]
    fn the_file_has_its_mode_whatever_the_umask() {
        let (_folder, storage) = storage();
        let _lock = RunLock::take(&storage).unwrap();
        assert_eq!(fs::metadata(storage.run_lock()).unwrap().mode() & 0o7777, 0o660);
    }

    #[test]
    fn the_file_and_the_folder_misc_are_synced() {
        let (_folder, storage) = storage();
        let lock = RunLock::take(&storage).unwrap();
        assert_eq!((lock.durability, lock.folder.path()), (Durability::Full, &*storage.misc()));
    }

    #[test]
    fn a_run_is_named_while_it_lasts_and_the_file_stays_the_same_one() {
        let (_folder, storage) = storage();
        assert_eq!(RunRecord::read(&storage).unwrap(), None);
        let lock = RunLock::take(&storage).unwrap();
        let inode = fs::metadata(storage.run_lock()).unwrap().ino();
        let mut run = run();
        lock.describe(&run);
        assert_eq!(RunRecord::read(&storage).unwrap(), Some(run.clone()));
        run.command = Some(ProcessId::own());
        lock.describe(&run);
        assert_eq!(RunRecord::read(&storage).unwrap(), Some(run));
        lock.release(None);
        assert_eq!(RunRecord::read(&storage).unwrap(), None);
        assert_eq!(fs::read_to_string(storage.run_lock()).unwrap(), format!("inode {inode}\n"));
        assert_eq!(fs::metadata(storage.run_lock()).unwrap().ino(), inode);
    }

    #[test]
    fn if_a_record_cannot_be_written_the_older_one_stays() {
        let (_folder, storage) = storage();
        let full = fs::File::options().read(true).write(true).open("/dev/full").unwrap();
        let lock =
            RunLock { lock: FileLock::without_lock(full), ..RunLock::take(&storage).unwrap() };
        let older = crate::record::entry::tests::record("db-1-x");
        lock.written.borrow_mut().records.push(older.clone());
        lock.record_intent(Record { since: older.since + 1, ..older.clone() }).unwrap_err();
        assert_eq!(lock.written.borrow().records, [older]);
    }

    #[test]
    fn every_line_that_cannot_be_understood_counts_as_damaged() {
        let (_folder, storage) = storage();
        let record = crate::record::entry::tests::record("db-1-x").to_line();
        let good = format!("inode 17\n{}\n\n{record}\n", run().to_line());
        for (more, damaged) in [("", 0), (&record[3..], 1), ("inode x\n\0\u{1}\nrun code=", 3)] {
            fs::write(storage.run_lock(), format!("{good}{more}")).unwrap();
            assert_eq!(RunLock::take(&storage).unwrap().damaged(), damaged, "{more}");
        }
    }

    #[test]
    fn a_torn_line_names_no_run() {
        let (_folder, storage) = storage();
        let line = run().to_line();
        fs::write(storage.run_lock(), &line[..line.len() - 3]).unwrap();
        assert_eq!(RunRecord::read(&storage).unwrap(), None);
        fs::write(storage.run_lock(), line.replace("db-1", "db-2")).unwrap();
        assert_eq!(RunRecord::read(&storage).unwrap(), None);
    }

    #[test]
    fn a_run_is_alive_while_its_tool_or_command_is_and_may_be_on_another_host() {
        let dead = ProcessId { pid: i32::MAX, start: 1 };
        let run = RunRecord { tool: dead.clone(), ..run() };
        assert!(!run.may_live());
        assert!(RunRecord { command: Some(ProcessId::own()), ..run.clone() }.may_live());
        let elsewhere = Host { pid_namespace: 1, ..Host::here() };
        assert!(RunRecord { host: elsewhere, ..run }.may_live());
    }
}
