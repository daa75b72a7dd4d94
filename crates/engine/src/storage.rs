//! The storage directory: which path is what, and what lies there.
//!
//! The layout is DirectoryStorage 1.1's. Nothing here writes; who may write what, and when, is
//! the business of the run and of the method that recovers a storage.

pub mod durability;
pub mod format;
pub mod freshness;
pub mod main_lock;
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

use crate::quoting;
use crate::storage::settings::Settings;
use crate::system::{privileges, reading};

/// Settings larger than this, in bytes, are none.
const LARGEST: u64 = 1 << 20;

/// The name that a replica's archive has in `journal/`.
pub const REPLICA: &str = "replica.tar";

/// A directory that holds a DirectoryStorage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    given: PathBuf,
    root: PathBuf,
}

/// What lies outside `A/` and would change it: committed, but not in the snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// A folder of a committed transaction in `journal/`.
    pub done: bool,
    /// A file somewhere below `B/`.
    pub in_b: bool,
    /// `journal/replica.tar`.
    pub replica: bool,
}

impl Storage {
    /// The storage in `dir`.
    ///
    /// # Errors
    ///
    /// `dir` does not contain a folder `A`.
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

    /// The directory exactly as the user gave it.
    pub fn given(&self) -> &Path {
        &self.given
    }

    /// The directory as an absolute path; links in it are not resolved.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory with all links resolved, as a record keeps it.
    pub fn resolved(&self) -> PathBuf {
        fs::canonicalize(&self.root).unwrap_or_else(|_| self.root.clone())
    }

    /// `A/`, the main database directory.
    pub fn a(&self) -> PathBuf {
        self.root.join("A")
    }

    /// `B/`, where committed files go while a snapshot is held.
    pub fn b(&self) -> PathBuf {
        self.root.join("B")
    }

    /// `journal/`, one folder per transaction.
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// `misc/`, with the locks and the mark of a snapshot.
    pub fn misc(&self) -> PathBuf {
        self.root.join("misc")
    }

    /// `config/`, with the settings and the methods.
    pub fn config(&self) -> PathBuf {
        self.root.join("config")
    }

    /// `misc/lock`: held by whoever owns the storage, for its whole life.
    pub fn lock(&self) -> PathBuf {
        self.misc().join("lock")
    }

    /// `misc/sublock`: held by whoever may write to `A/`, or wants nobody to.
    pub fn sublock(&self) -> PathBuf {
        self.misc().join("sublock")
    }

    /// `misc/snapshot`: exists exactly while `A/` is a coherent snapshot.
    pub fn snapshot(&self) -> PathBuf {
        self.misc().join("snapshot")
    }

    /// `misc/dsnap.lock`: the tool's own lock.
    pub fn run_lock(&self) -> PathBuf {
        self.misc().join("dsnap.lock")
    }

    /// Whether the folders that a storage needs beside `A/` are there.
    ///
    /// # Errors
    ///
    /// One is missing. They are never made on their own: `journal` may be a disk that is not
    /// mounted. The hint is the command for a storage restored from `A/` and `config/`, or what
    /// lies in the place of a folder.
    pub fn check_folders(&self) -> Result<(), Reason> {
        let mut unusable = Vec::new();
        for folder in [self.b(), self.journal(), self.misc()] {
            match fs::metadata(&folder) {
                Ok(found) if found.is_dir() => {}
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    return Err(privileges::no_access(&folder, "cannot be reached", &error));
                }
                _ => unusable.push(folder),
            }
        }
        let Some(first) = unusable.first() else { return Ok(()) };
        let refusal = Reason::new(format!("{} is missing or is no folder", text::path(first)));
        let in_the_way: Vec<_> = unusable.iter().filter_map(|path| in_the_way(path)).collect();
        let refusal = in_the_way.into_iter().fold(refusal, Reason::hint);
        // Where something lies, `mkdir` fails.
        unusable.retain(|path| fs::symlink_metadata(path).is_err());
        if unusable.is_empty() {
            return Err(refusal);
        }
        let words = unusable.iter().map(|path| path.as_os_str());
        let mkdir = quoting::command_line(std::iter::once(OsStr::new("mkdir")).chain(words));
        Err(refusal.hint(format!("a storage restored from A and config needs: {mkdir}")))
    }

    /// What `config/settings` says.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or says something that a snapshot tool cannot obey.
    pub fn settings(&self) -> Result<Settings, Reason> {
        let path = self.config().join("settings");
        let wrong = |error: &dyn std::fmt::Display| {
            Reason::new(format!("{}: {}", text::path(&path), text::harmless(error.to_string())))
        };
        let content = reading::read(&path, LARGEST).map_err(|error| {
            let hint = "a DirectoryStorage has this file; bring it back from a backup";
            match error.kind() {
                io::ErrorKind::NotFound => wrong(&error).hint(hint),
                io::ErrorKind::PermissionDenied => {
                    privileges::no_access(&path, "cannot be read", &error)
                }
                _ => wrong(&error),
            }
        })?;
        Settings::parse(&content).map_err(|error| wrong(&error))
    }

    /// The last transaction in `A/`: the content of `x.serial`.
    ///
    /// `None` if that cannot be read; the snapshot is no worse for it.
    pub fn last_transaction(&self) -> Option<[u8; 8]> {
        let place = self.settings().ok()?.format.place(OsStr::new("x.serial"))?;
        let mut serial = [0; 8];
        let mut file = reading::open(&self.a().join(place)).ok()?;
        file.read_exact(&mut serial).ok()?;
        (file.read(&mut [0]).ok()? == 0).then_some(serial)
    }

    /// The inode of the directory; 0 if it cannot be told.
    pub fn inode(&self) -> u64 {
        fs::metadata(self.root()).map_or(0, |found| found.ino())
    }

    /// What was committed and is not in `A/`.
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
    /// Nothing at all.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// What to do about something that is no folder and lies where one should; none if nothing does.
fn in_the_way(path: &Path) -> Option<String> {
    let found = fs::symlink_metadata(path).ok()?;
    let shown = text::path(path);
    if !found.is_symlink() {
        let mv = ["mv".as_ref(), path.as_os_str(), OsStr::new("/some/other/place")];
        let mv = quoting::command_line(mv);
        return Some(format!("find out what {shown} is, move it away ({mv}), and make a folder"));
    }
    let target = text::path(fs::read_link(path).ok()?);
    Some(format!(
        "{shown} is a link to {target}, where no folder is: mount or make that, or correct the link"
    ))
}

/// What the name of an entry of `journal/` makes it.
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
    /// Nothing that belongs there.
    Strange,
}

impl JournalEntry {
    /// Classifies a name as the original does: it looks at the beginning only.
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

/// Whether a name is that of a packing server's mark, which every listing passes over.
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
    fn journal_names_are_told_apart_by_their_beginning() {
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
    fn a_directory_without_a_is_no_storage() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = Storage::open(folder.path()).unwrap_err();
        assert!(refusal.text().ends_with("is not a DirectoryStorage directory"), "{refusal}");
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
