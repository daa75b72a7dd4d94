//! The storage directory: its layout, its settings, and what is in it.
//!
//! The layout is that of DirectoryStorage 1.1. Nothing here changes the data: recovering a storage is
//! in the method `direct`, and the order of a run in [`run`](crate::run).

pub mod durability;
mod folders;
pub mod format;
pub(crate) mod freshness;
mod journal_entry;
pub mod main_lock;
pub mod settings;
pub mod snapshot_file;
pub mod snapshot_lock;
#[cfg(test)]
pub(crate) mod testing;
mod transaction_time;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use dsnap_core::{Reason, text};

use crate::limits::{MAX_FOLDER_DEPTH, MAX_SETTINGS_FILE};
pub use crate::storage::folders::Folders;
pub use crate::storage::journal_entry::{JournalEntry, REPLICA, is_mark};
use crate::storage::settings::Settings;
pub use crate::storage::transaction_time::transaction_time;
use crate::system::flock::{FileLock, LockError};
use crate::system::folder::{Folder, Listed, Owner};
use crate::system::modes;
use crate::system::privileges::Privileges;

/// The name of the main database directory in a storage.
pub const MAIN: &str = "A";

/// A directory that holds a DirectoryStorage, with its folders opened.
///
/// The paths that its methods return are for messages: everything is reached through
/// [`folders`](Self::folders).
#[derive(Debug, Clone)]
pub struct Storage {
    given: PathBuf,
    root: PathBuf,
    folders: Folders,
    /// What was read of `config/settings`. Clones share it.
    settings: Arc<OnceLock<Settings>>,
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
    /// `dir` does not contain a folder `A`, another folder is missing, or one cannot be reached. A
    /// missing folder is never made here, because `journal` may be a disk that is not mounted.
    pub fn open(dir: &Path) -> Result<Self, Reason> {
        let root = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        let folders = Folders::open(&root, dir)?;
        Ok(Self { given: dir.to_owned(), root, folders, settings: Arc::default() })
    }

    /// Opens the storage in `dir`, whose owner's privileges have been judged and are in effect.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open); or a folder was exchanged since it was judged, or is a link that
    /// another user could have made.
    pub fn open_judged(dir: &Path, privileges: &Privileges) -> Result<Self, Reason> {
        let storage = Self::open(dir)?;
        let Folders { dir, a, .. } = &storage.folders;
        let unknown = |error: io::Error| {
            Reason::new(format!("{}: {}", text::path(dir.path()), text::error(&error)))
        };
        let (found, main) = (dir.metadata().map_err(unknown)?, a.metadata().map_err(unknown)?);
        privileges.check_judged(&found, &main)?;
        if privileges.are_judged() {
            storage.folders.check_links()?;
        }
        Ok(storage)
    }

    /// Returns the opened folders.
    pub fn folders(&self) -> &Folders {
        &self.folders
    }

    /// Returns the user who owns the storage, and the group of its files.
    pub fn owner(&self) -> Owner {
        self.folders.a.owner()
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

    /// Locks a file in `misc/` and writes this process's pid into it. A new file has the mode of its
    /// neighbours.
    ///
    /// # Errors
    ///
    /// Another process holds the lock, or the file cannot be opened for writing.
    pub fn take_lock(&self, name: &str) -> Result<FileLock, LockError> {
        let lock =
            self.take_lock_without_pid(name, || self.mode_beside_neighbours(name, modes::LOCK))?;
        lock.write_pid();
        Ok(lock)
    }

    /// Locks a file in `misc/`, but leaves its content alone. A new file gets this mode.
    pub(crate) fn take_lock_without_pid(
        &self,
        name: &str,
        mode: impl FnOnce() -> Option<u32>,
    ) -> Result<FileLock, LockError> {
        FileLock::take_in(&self.folders.misc, name, mode)
    }

    /// Makes a new file in `misc/` with the mode of its neighbours.
    ///
    /// # Errors
    ///
    /// There is such an entry, or the folder may not be changed.
    pub fn create_in_misc(&self, name: &str) -> io::Result<File> {
        let file = self.folders.misc.create(name, modes::FILE)?;
        modes::set(&file, self.mode_beside_neighbours(name, modes::FILE));
        Ok(file)
    }

    /// Returns the mode of a new file in `misc/`: within `widest`, that of a file that a server or an
    /// administrator made.
    fn mode_beside_neighbours(&self, name: &str, widest: u32) -> Option<u32> {
        let Folders { misc, config, .. } = &self.folders;
        let in_misc = ["sublock", "lock"].into_iter().filter(|it| *it != name);
        let in_config =
            config.iter().flat_map(|it| ["settings", "identity"].map(|name| (it, name)));
        in_misc
            .map(|name| (misc, name))
            .chain(in_config)
            .find_map(|(folder, name)| folder.look(name).ok())
            .map(|neighbour| modes::beside(&neighbour, widest))
    }

    /// Returns the values of `config/settings`. The file is read once: what is done to a storage goes by
    /// the same settings from beginning to end.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or its values cannot be used. The next call tries again.
    pub fn settings(&self) -> Result<Settings, Reason> {
        if let Some(known) = self.settings.get() {
            return Ok(*known);
        }
        let read = self.read_settings()?;
        Ok(*self.settings.get_or_init(|| read))
    }

    fn read_settings(&self) -> Result<Settings, Reason> {
        let path = self.config().join("settings");
        let wrong = |error: &dyn std::fmt::Display| {
            Reason::new(format!("{}: {}", text::path(&path), text::harmless(text::error(&error))))
        };
        let config = self.folders.config();
        let content = config.and_then(|config| config.read("settings", MAX_SETTINGS_FILE));
        let content = content.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                wrong(&error).hint("every DirectoryStorage has this file; restore it from a backup")
            }
            io::ErrorKind::PermissionDenied => {
                self.folders.dir.error("config/settings", "cannot be read", &error)
            }
            _ => wrong(&error),
        })?;
        Settings::parse(&content).map_err(|error| wrong(&error))
    }

    /// Returns the id of the last transaction in `A/`, from `x.serial`.
    ///
    /// `None` if it cannot be read; the snapshot is still good.
    pub fn last_transaction(&self) -> Option<[u8; 8]> {
        let place = self.settings().ok()?.format.place(OsStr::new("x.serial"))?;
        let mut serial = [0; 8];
        let mut file = self.folders.a.file(place).ok()?;
        file.read_exact(&mut serial).ok()?;
        (file.read(&mut [0]).ok()? == 0).then_some(serial)
    }

    /// Returns the inode of the directory; 0 if it is unknown.
    pub fn inode(&self) -> u64 {
        self.folders.dir.metadata().map_or(0, |found| found.ino())
    }

    /// Finds what was committed but is not in `A/`.
    ///
    /// # Errors
    ///
    /// `journal/` or `B/` cannot be listed.
    pub fn leftovers(&self) -> io::Result<Leftovers> {
        let Folders { b, journal, .. } = &self.folders;
        let mut left =
            Leftovers { in_b: contains_file(b, MAX_FOLDER_DEPTH)?, ..Leftovers::default() };
        for entry in journal.entries()? {
            let name = entry?.name;
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

/// Says whether there is a file in a folder or below it. `depth` is how much deeper to look.
fn contains_file(folder: &Folder, depth: u32) -> io::Result<bool> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(io::Error::other("folders are nested too deep"));
    };
    for entry in folder.entries()? {
        let Listed { name, is_folder } = entry?;
        let found =
            if is_folder { contains_file(&folder.folder(&name)?, depth)? } else { !is_mark(&name) };
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
    fn a_directory_without_a_is_not_a_storage() {
        let folder = tempfile::tempdir().unwrap();
        let reason = Storage::open(folder.path()).unwrap_err();
        assert!(reason.text().ends_with("is not a DirectoryStorage directory"), "{reason}");
    }

    #[test]
    fn a_folder_that_is_missing_is_named_with_the_command_that_makes_it() {
        let (folder, _) = testing::storage();
        for name in ["B", "misc"] {
            fs::remove_dir(folder.path().join(name)).unwrap();
        }
        let reason = Storage::open(folder.path()).unwrap_err();
        let path = folder.path().display();
        assert_eq!(reason.text(), format!("{path}/B is missing or is not a folder"));
        let mkdir =
            format!("a storage restored from A and config needs: mkdir {path}/B {path}/misc");
        assert_eq!(reason.hints(), [mkdir]);
    }

    #[test]
    fn leftovers_are_files_in_b_done_folders_and_a_replica() {
        let (_folder, storage) = testing::storage();
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
    fn folders_nested_too_deep_are_an_error() {
        let (_folder, storage) = testing::storage();
        let nested = |depth: usize| storage.b().join("x/".repeat(depth));
        fs::create_dir_all(nested(MAX_FOLDER_DEPTH as usize - 1)).unwrap();
        assert!(storage.leftovers().unwrap().is_none());
        fs::create_dir(nested(MAX_FOLDER_DEPTH as usize)).unwrap();
        assert!(storage.leftovers().is_err());
    }

    #[test]
    fn the_last_transaction_is_the_serial_in_a() {
        let (_folder, storage) = testing::storage();
        assert_eq!(storage.last_transaction(), None);
        fs::write(storage.config().join("settings"), "[structure]\nformat: flat\nversion: 0.11\n")
            .unwrap();
        fs::write(storage.a().join("x.serial"), b"\x04\x0d\x31\xc8\xf3\xce\x2e\xcc").unwrap();
        assert_eq!(storage.last_transaction(), Some([4, 0x0d, 0x31, 0xc8, 0xf3, 0xce, 0x2e, 0xcc]));
        fs::write(storage.a().join("x.serial"), b"too long for one").unwrap();
        assert_eq!(storage.last_transaction(), None);
    }
}
