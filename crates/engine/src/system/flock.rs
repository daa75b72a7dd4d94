//! Lock files: an exclusive `flock(2)` on the whole file, without waiting.
//!
//! DirectoryStorage's server locks in the same way (through zc.lockfile). Record locks of `fcntl`
//! would not conflict with it. To see who holds a lock, use
//! [`lock_holders`](crate::system::lock_holders), which does not lock.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::AsFd;
use std::path::Path;

use fs2::FileExt;

use crate::limits::MAX_LOCK_FILE;
use crate::system::folder::Folder;
use crate::system::{modes, open, reading};

/// A lock that this process holds.
///
/// Dropping it unlocks the file, for every process that inherited a descriptor, too. The file stays.
#[derive(Debug)]
pub struct FileLock {
    file: File,
    folder: Folder,
    name: String,
}

/// Why a file could not be locked.
#[derive(Debug)]
pub enum LockError {
    /// Another process holds the lock.
    Held,
    /// The file cannot be opened or locked at all.
    Io(io::Error),
}

impl FileLock {
    /// Locks the file at `path` and writes this process's pid into it. Makes the file if it does not
    /// exist. If the pid cannot be written (a full disk), the lock is still good.
    ///
    /// # Errors
    ///
    /// Another process holds the lock, or the file cannot be opened for writing.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let lock = Self::take_without_pid(path)?;
        lock.write_pid();
        Ok(lock)
    }

    /// Locks as [`take`](Self::take) does, but leaves the content of the file alone.
    ///
    /// # Errors
    ///
    /// As for `take`.
    pub fn take_without_pid(path: &Path) -> Result<Self, LockError> {
        let (folder, name) = folder_and_name(path).map_err(LockError::Io)?;
        Self::take_in(&folder, &name, || None)
    }

    /// Locks the file `name` in `folder`, but leaves its content alone. If there is no such file, it
    /// is made, and gets this mode.
    pub(crate) fn take_in(
        folder: &Folder,
        name: &str,
        mode: impl FnOnce() -> Option<u32>,
    ) -> Result<Self, LockError> {
        let file = open_or_create(folder, name, mode).map_err(LockError::Io)?;
        match FileExt::try_lock_exclusive(&file) {
            Ok(()) => Ok(Self { file, folder: folder.clone(), name: name.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(LockError::Held),
            Err(error) => Err(LockError::Io(error)),
        }
    }

    /// Makes a lock of a file that is not locked, and whose name leads elsewhere.
    #[cfg(test)]
    pub(crate) fn without_lock(file: File) -> Self {
        let folder = Folder::open(Path::new("/")).unwrap();
        Self { file, folder, name: String::new() }
    }

    /// Writes this process's pid into the file.
    pub(crate) fn write_pid(&self) {
        // The original shows this pid in its messages; nothing else depends on it.
        let _ = self.write(format!(" {}\n", std::process::id()).as_bytes());
    }

    /// Says whether the file with the name is still the locked one, and its folder the one with
    /// that path. If it was replaced, others can lock the new file, and this lock guarantees
    /// nothing.
    pub fn is_in_place(&self) -> bool {
        match (open::identity(self.file.as_fd()), self.folder.identity_of(&self.name)) {
            (Ok(ours), Ok(there)) => ours == there && self.folder.is_in_place(),
            _ => false,
        }
    }

    /// Returns the locked file. A process that inherits its descriptor holds the lock, too.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Reads the content of the file, up to `MAX_LOCK_FILE` bytes.
    pub(crate) fn read(&self) -> io::Result<Vec<u8>> {
        let mut file = &self.file;
        file.seek(io::SeekFrom::Start(0))?;
        reading::read_up_to(file, MAX_LOCK_FILE)
    }

    /// Replaces the content of the file in place.
    pub(crate) fn write(&self, content: &[u8]) -> io::Result<()> {
        let mut file = &self.file;
        file.seek(io::SeekFrom::Start(0))?;
        file.write_all(content)?;
        // Truncating a file takes the file system longer than reading its size.
        let length = content.len() as u64;
        if file.metadata()?.len() > length { file.set_len(length) } else { Ok(()) }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // If this fails, closing the last descriptor unlocks.
        let _ = FileExt::unlock(&self.file);
    }
}

/// What a trial showed of a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockState {
    /// The trial got it; a file that does not exist counts as free.
    Free,
    /// Another process holds it.
    Held,
    /// The file cannot be opened for writing, or not be locked at all.
    Unknown,
}

/// Finds out whether the lock on a file is free by taking it for one system call.
///
/// Only a run that is about to use the storage may do this: a server that starts in that moment
/// fails to start.
pub(crate) fn try_state(folder: &Folder, name: &str) -> LockState {
    let file = match folder.file_to_change(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return LockState::Free,
        Err(_) => return LockState::Unknown,
        Ok(file) => file,
    };
    match FileExt::try_lock_exclusive(&file) {
        Ok(()) if FileExt::unlock(&file).is_ok() => LockState::Free,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => LockState::Held,
        _ => LockState::Unknown,
    }
}

fn folder_and_name(path: &Path) -> io::Result<(Folder, String)> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or(io::ErrorKind::InvalidInput)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    Ok((Folder::open(folder.unwrap_or(Path::new(".")))?, name.to_owned()))
}

fn open_or_create(
    folder: &Folder,
    name: &str,
    mode: impl FnOnce() -> Option<u32>,
) -> io::Result<File> {
    match folder.file_to_change(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => return opened,
    }
    match folder.create(name, modes::FILE) {
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => folder.file_to_change(name),
        // The mode is set even if another process locks the file first.
        made => made.inspect(|file| modes::set(file, mode())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_lock_excludes_others_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sublock");
        let lock = FileLock::take(&path).unwrap();
        assert!(matches!(FileLock::take(&path), Err(LockError::Held)));
        drop(lock);
        assert!(FileLock::take(&path).is_ok());
    }

    #[test]
    fn only_a_file_that_was_made_for_its_lock_gets_a_mode() {
        let outer = tempfile::tempdir().unwrap();
        let folder = Folder::open(outer.path()).unwrap();
        for mode in [0o660, 0o600] {
            let lock = FileLock::take_in(&folder, "sublock", || Some(mode)).unwrap();
            assert_eq!(lock.file().metadata().unwrap().mode() & 0o7777, 0o660);
        }
    }

    #[test]
    fn the_holder_writes_its_pid_as_the_original_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sublock");
        fs::write(&path, " 1234567890\n").unwrap();
        let _lock = FileLock::take(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!(" {}\n", std::process::id()));
    }

    #[test]
    fn dropping_releases_inherited_descriptors_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sublock");
        let lock = FileLock::take(&path).unwrap();
        let _inherited = lock.file().try_clone().unwrap();
        drop(lock);
        assert!(FileLock::take(&path).is_ok());
    }

    #[test]
    fn a_replaced_lock_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sublock");
        let lock = FileLock::take(&path).unwrap();
        assert!(lock.is_in_place());
        fs::remove_file(&path).unwrap();
        assert!(!lock.is_in_place());
        fs::write(&path, "").unwrap();
        assert!(!lock.is_in_place());
    }

    #[test]
    fn a_replaced_folder_of_a_lock_file_is_noticed() {
        let outer = tempfile::tempdir().unwrap();
        let misc = outer.path().join("misc");
        fs::create_dir(&misc).unwrap();
        let lock = FileLock::take(&misc.join("sublock")).unwrap();
        fs::rename(&misc, outer.path().join("aside")).unwrap();
        fs::create_dir(&misc).unwrap();
        fs::hard_link(outer.path().join("aside/sublock"), misc.join("sublock")).unwrap();
        assert!(!lock.is_in_place());
    }
}
