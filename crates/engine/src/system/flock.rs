//! Lock files: an exclusive `flock(2)` on the whole file, without waiting.
//!
//! DirectoryStorage's server locks in the same way (through zc.lockfile). Record locks of `fcntl`
//! would not conflict with it. To see who holds a lock, use
//! [`lock_holders`](crate::system::lock_holders), which does not lock.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use fs2::FileExt;

use crate::limits::MAX_LOCK_FILE;
use crate::system::modes;

/// A lock that this process holds.
///
/// Dropping it unlocks the file, for every process that inherited a descriptor, too. The file stays.
#[derive(Debug)]
pub struct FileLock {
    file: File,
    path: PathBuf,
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
        // The original shows this pid in its messages; nothing else depends on it.
        let _ = lock.write(format!(" {}\n", std::process::id()).as_bytes());
        Ok(lock)
    }

    /// Locks as [`take`](Self::take) does, but leaves the content of the file alone.
    ///
    /// # Errors
    ///
    /// As for `take`.
    pub fn take_without_pid(path: &Path) -> Result<Self, LockError> {
        let existed = path.exists();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(modes::FILE)
            .open(path);
        let file = file.map_err(LockError::Io)?;
        if !existed {
            modes::inherit_mode(&file, path, modes::LOCK);
        }
        match FileExt::try_lock_exclusive(&file) {
            Ok(()) => Ok(Self { file, path: path.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(LockError::Held),
            Err(error) => Err(LockError::Io(error)),
        }
    }

    /// Says whether the file at the path is still the locked one. If it was replaced, others can lock
    /// the new file, and this lock guarantees nothing.
    pub fn is_in_place(&self) -> bool {
        let identity = |found: fs::Metadata| (found.dev(), found.ino());
        match (self.file.metadata(), fs::metadata(&self.path)) {
            (Ok(ours), Ok(theirs)) => identity(ours) == identity(theirs),
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
        let mut content = Vec::new();
        file.take(MAX_LOCK_FILE).read_to_end(&mut content)?;
        Ok(content)
    }

    /// Replaces the content of the file in place.
    pub(crate) fn write(&self, content: &[u8]) -> io::Result<()> {
        let mut file = &self.file;
        file.seek(io::SeekFrom::Start(0))?;
        file.write_all(content)?;
        file.set_len(content.len() as u64)
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
pub enum LockState {
    /// The trial got it; a file that does not exist counts as free.
    Free,
    /// Another process holds it.
    Held,
    /// The file cannot be opened for writing, or not be locked at all.
    Unknown,
}

/// Finds out whether the lock on the file at `path` is free by taking it for one system call.
///
/// Only a run that is about to use the storage may do this: a server that starts in that moment
/// fails to start.
pub fn try_state(path: &Path) -> LockState {
    let file = match OpenOptions::new().read(true).write(true).open(path) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
