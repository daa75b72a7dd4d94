//! The storage directory: its layout, its settings, and what is in it.
//!
//! The layout is that of DirectoryStorage 1.1. Nothing here changes the data: recovering a storage is
//! in the method `direct`, and the order of a run in [`run`](crate::run).

pub mod durability;
pub mod format;
pub(crate) mod freshness;
pub(crate) mod main_lock;
pub mod settings;
pub mod snapshot_file;
pub mod snapshot_lock;

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use dsnap_core::{Reason, text};

use crate::limits::MAX_SETTINGS_FILE;
use crate::quoting;
use crate::storage::settings::Settings;
use crate::system::{access, reading};

/// The name that a replica's archive has in `journal/`.
pub const REPLICA: &str = "replica.tar";

/// A directory that holds a DirectoryStorage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    given: PathBuf,
    root: PathBuf,
}

/// What was committed but is not in `A/`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// `journal/` contains a folder of a committed transaction.
    pub done: bool,
    /// `B/` contains a file.
    pub in_b: bool,
    /// `journal/replica.tar` exists.
    pub replica: bool,
}

impl Storage {
    /// Opens the storage in `dir`. Only looks.
    ///
    /// # Errors
    ///
    /// `dir` does not contain a folder `A`, or that folder cannot be reached.
    pub fn open(dir: &Path) -> Result<Self, Reason> {
        let root = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        let storage = Self { given: dir.to_owned(), root };
        match fs::metadata(storage.a()) {
            Ok(found) if found.is_dir() => Ok(storage),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(Reason::new(format!("{} cannot be opened: {error}", text::path(storage.a()))))
            }
            _ => {
                let what = format!("{} is not a DirectoryStorage directory", text::path(dir));
                Err(Reason::new(what).hint(
                    "--storage takes the folder that contains A, B, config, journal and misc",
                ))
            }
        }
    }

    /// Returns the directory exactly as the user gave it.
    pub fn given(&self) -> &Path {
        &self.given
    }

    /// Returns the directory as an absolute path, with links unresolved.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the directory with all links resolved, as a record keeps it.
    pub fn resolved(&self) -> PathBuf {
        fs::canonicalize(&self.root).unwrap_or_else(|_| self.root.clone())
    }

    /// Returns `A/`, the main database directory.
    pub fn a(&self) -> PathBuf {
        self.root.join("A")
    }

    /// Returns `B/`, where committed files go during a snapshot.
    pub fn b(&self) -> PathBuf {
        self.root.join("B")
    }

    /// Returns `journal/`, with one folder for each transaction.
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// Returns `misc/`, with the locks and `misc/snapshot`.
    pub fn misc(&self) -> PathBuf {
        self.root.join("misc")
    }

    /// Returns `config/`, with the settings and `snapshot.conf`.
    pub fn config(&self) -> PathBuf {
        self.root.join("config")
    }

    /// Returns `misc/lock`, which a server holds for as long as it has the storage open.
    pub fn lock(&self) -> PathBuf {
        self.misc().join("lock")
    }

    /// Returns `misc/sublock`, held by a process that writes to `A/`, or that lets no process do so.
    pub fn sublock(&self) -> PathBuf {
        self.misc().join("sublock")
    }

    /// Returns `misc/snapshot`, which exists exactly while `A/` is a coherent snapshot.
    pub fn snapshot(&self) -> PathBuf {
        self.misc().join("snapshot")
    }

    /// Returns `misc/dsnap.lock`, the lock of a run.
    pub fn run_lock(&self) -> PathBuf {
        self.misc().join("dsnap.lock")
    }

    /// Checks that the folders exist that a storage needs beside `A/`.
    ///
    /// # Errors
    ///
    /// One is missing. It is never created here, because `journal` may be a disk that is not mounted.
    /// The hint is the command for a storage restored from `A/` and `config/`, or says what is in
    /// the way.
    pub fn check_folders(&self) -> Result<(), Reason> {
        let mut unusable = Vec::new();
        for folder in [self.b(), self.journal(), self.misc()] {
            match fs::metadata(&folder) {
                Ok(found) if found.is_dir() => {}
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    return Err(access::path_error(&folder, "cannot be reached", &error));
                }
                _ => unusable.push(folder),
            }
        }
        let Some(first) = unusable.first() else { return Ok(()) };
        let reason = Reason::new(format!("{} is missing or is not a folder", text::path(first)));
        let in_the_way: Vec<_> = unusable.iter().filter_map(|path| in_the_way(path)).collect();
        let reason = in_the_way.into_iter().fold(reason, Reason::hint);
        // `mkdir` fails where something is in the way.
        unusable.retain(|path| fs::symlink_metadata(path).is_err());
        if unusable.is_empty() {
            return Err(reason);
        }
        let words = unusable.iter().map(|path| path.as_os_str());
        let mkdir = quoting::command_line(std::iter::once(OsStr::new("mkdir")).chain(words));
        Err(reason.hint(format!("a storage restored from A and config needs: {mkdir}")))
    }

    /// Reads `config/settings`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or its values cannot be used.
    pub fn settings(&self) -> Result<Settings, Reason> {
        let path = self.config().join("settings");
        let wrong = |error: &dyn std::fmt::Display| {
            Reason::new(format!("{}: {}", text::path(&path), text::harmless(error.to_string())))
        };
        let content = reading::read(&path, MAX_SETTINGS_FILE).map_err(|error| {
            let hint = "every DirectoryStorage has this file; restore it from a backup";
            match error.kind() {
                io::ErrorKind::NotFound => wrong(&error).hint(hint),
                io::ErrorKind::PermissionDenied => {
                    access::path_error(&path, "cannot be read", &error)
                }
                _ => wrong(&error),
            }
        })?;
        Settings::parse(&content).map_err(|error| wrong(&error))
    }

    /// Returns the id of the last transaction in `A/`, from `x.serial`.
    ///
    /// `None` if it cannot be read; the snapshot is still good.
    pub fn last_transaction(&self) -> Option<[u8; 8]> {
        let place = self.settings().ok()?.format.place(OsStr::new("x.serial"))?;
        let mut serial = [0; 8];
        let mut file = reading::open(&self.a().join(place)).ok()?;
        file.read_exact(&mut serial).ok()?;
        (file.read(&mut [0]).ok()? == 0).then_some(serial)
    }

    /// Returns the inode of the directory; 0 if it is unknown.
    pub fn inode(&self) -> u64 {
        fs::metadata(self.root()).map_or(0, |found| found.ino())
    }

    /// Finds what was committed but is not in `A/`.
    ///
    /// # Errors
    ///
    /// `journal/` or `B/` cannot be listed.
    pub fn leftovers(&self) -> io::Result<Leftovers> {
        let mut left = Leftovers { in_b: contains_file(&self.b())?, ..Leftovers::default() };
        for entry in fs::read_dir(self.journal())? {
            let name = entry?.file_name();
            left.replica |= name == REPLICA;
            left.done |= matches!(JournalEntry::of(&name), JournalEntry::Done);
        }
        Ok(left)
    }
}

impl Leftovers {
    /// Says whether everything that was committed is in `A/`.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// Says what to do about something that is in the way of a folder, if something is.
fn in_the_way(path: &Path) -> Option<String> {
    let found = fs::symlink_metadata(path).ok()?;
    let shown = text::path(path);
    if !found.is_symlink() {
        let mv = ["mv".as_ref(), path.as_os_str(), OsStr::new("/some/other/place")];
        let mv = quoting::command_line(mv);
        return Some(format!("find out what {shown} is, move it away ({mv}), and create a folder"));
    }
    let target = text::path(fs::read_link(path).ok()?);
    Some(format!(
        "{shown} is a link to {target}, which is not a folder: mount or create it, or correct the link"
    ))
}

/// What an entry of `journal/` is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalEntry {
    /// `working_<TID>_done…`: a committed transaction.
    Done,
    /// `working_<TID>_temp…`: a transaction that was never committed.
    Temp,
    /// `replica.tar`.
    Replica,
    /// The packer's mark beside a file (`[posix] mark: file`); listings pass over it.
    Mark,
    /// Anything else: it should not be there.
    Strange,
}

impl JournalEntry {
    /// Classifies a name as the original does, by its beginning.
    pub fn of(name: &OsStr) -> Self {
        let name = name.as_bytes();
        if is_mark(OsStr::from_bytes(name)) {
            return Self::Mark;
        }
        if name == REPLICA.as_bytes() {
            return Self::Replica;
        }
        let tid_and_state =
            name.strip_prefix(b"working_").and_then(|rest| rest.split_at_checked(16));
        match tid_and_state {
            Some((tid, state)) if tid.iter().all(|&digit| is_upper_hex(digit)) => {
                match state.get(..5) {
                    Some(b"_done") => Self::Done,
                    Some(b"_temp") => Self::Temp,
                    _ => Self::Strange,
                }
            }
            _ => Self::Strange,
        }
    }
}

/// Says whether a name is that of a packing server's mark, which every listing skips.
pub fn is_mark(name: &OsStr) -> bool {
    name.as_bytes().ends_with(b".mark")
}

fn is_upper_hex(digit: u8) -> bool {
    matches!(digit, b'0'..=b'9' | b'A'..=b'F')
}

fn contains_file(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let found = if entry.file_type()?.is_dir() {
            contains_file(&entry.path())?
        } else {
            !is_mark(&entry.file_name())
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journal_entries_are_classified_by_the_beginning_of_their_name() {
        let of = |name: &str| JournalEntry::of(OsStr::new(name));
        assert_eq!(of("working_040D31C8F3CE2ECC_done"), JournalEntry::Done);
        assert_eq!(of("working_040D31C8F3CE2ECC_done.old"), JournalEntry::Done);
        assert_eq!(of("working_040D31C8F3CE2ECC_temp"), JournalEntry::Temp);
        assert_eq!(of("replica.tar"), JournalEntry::Replica);
        assert_eq!(of("x.mark"), JournalEntry::Mark);
        for strange in [
            "working_040d31c8f3ce2ecc_done",
            "working_040D_done",
            "working_040D31C8F3CE2ECC_vote",
            "",
            "lost+found",
        ] {
            assert_eq!(of(strange), JournalEntry::Strange, "{strange}");
        }
    }

    fn empty_storage() -> (tempfile::TempDir, Storage) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["A", "B", "journal", "misc", "config"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let storage = Storage::open(folder.path()).unwrap();
        (folder, storage)
    }

    #[test]
    fn a_directory_without_a_is_not_a_storage() {
        let folder = tempfile::tempdir().unwrap();
        let reason = Storage::open(folder.path()).unwrap_err();
        assert!(reason.text().ends_with("is not a DirectoryStorage directory"), "{reason}");
    }

    #[test]
    fn leftovers_are_files_in_b_done_folders_and_a_replica() {
        let (_folder, storage) = empty_storage();
        fs::create_dir_all(storage.b().join("o0/00")).unwrap();
        fs::write(storage.b().join("o0/c.mark"), "").unwrap();
        fs::create_dir(storage.journal().join("working_0000000000000001_temp")).unwrap();
        assert!(storage.leftovers().unwrap().is_none());
        fs::write(storage.b().join("o0/00/c"), "").unwrap();
        fs::create_dir(storage.journal().join("working_0000000000000001_done")).unwrap();
        fs::write(storage.journal().join("replica.tar"), "").unwrap();
        assert_eq!(
            storage.leftovers().unwrap(),
            Leftovers { done: true, in_b: true, replica: true }
        );
    }

    #[test]
    fn the_last_transaction_is_the_serial_in_a() {
        let (_folder, storage) = empty_storage();
        assert_eq!(storage.last_transaction(), None);
        fs::write(storage.config().join("settings"), "[structure]\nformat: flat\nversion: 0.11\n")
            .unwrap();
        fs::write(storage.a().join("x.serial"), b"\x04\x0d\x31\xc8\xf3\xce\x2e\xcc").unwrap();
        assert_eq!(storage.last_transaction(), Some([4, 0x0d, 0x31, 0xc8, 0xf3, 0xce, 0x2e, 0xcc]));
        fs::write(storage.a().join("x.serial"), b"too long for one").unwrap();
        assert_eq!(storage.last_transaction(), None);
    }
}
