//! What the settings of a storage want synced, and the system calls that do it.
//!
//! A record or a file that a power cut takes away was never there. Which step needs a sync, and when,
//! is deliberately elsewhere: the run lock and the method `direct` decide that.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::storage::Storage;
use crate::storage::settings::Settings;

/// What has to be on stable storage before the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// `sync: 0`: nothing, ever.
    None,
    /// `dirsync: 0`: files and whole file systems, but no single folder (NFS refuses that).
    NoFolders,
    /// Everything.
    Full,
}

impl Durability {
    /// Derives the durability from settings.
    pub fn of(settings: Settings) -> Self {
        match (settings.sync, settings.dirsync) {
            (false, _) => Self::None,
            (true, false) => Self::NoFolders,
            (true, true) => Self::Full,
        }
    }

    /// Derives the durability from the settings of `storage`. Settings that cannot be read want
    /// everything synced.
    pub(crate) fn of_storage(storage: &Storage) -> Self {
        storage.settings().map_or(Self::Full, Self::of)
    }

    /// Puts the content of `file` on disk, unless nothing is to be synced.
    ///
    /// # Errors
    ///
    /// The system cannot sync the file.
    pub fn file(self, file: &File) -> io::Result<()> {
        if self == Self::None { Ok(()) } else { file.sync_all() }
    }

    /// Puts the entries of `folder` on disk, if single folders are to be synced. Where they are
    /// not, [`file_system`](Self::file_system) can stand in.
    ///
    /// # Errors
    ///
    /// The system cannot open or sync the folder.
    pub fn folder(self, folder: &Path) -> io::Result<()> {
        if self == Self::Full { File::open(folder)?.sync_all() } else { Ok(()) }
    }

    /// Puts everything written so far to the file system of `folder` on disk, unless nothing is to
    /// be synced.
    ///
    /// # Errors
    ///
    /// The system cannot open the folder or sync its file system.
    pub fn file_system(self, folder: &Path) -> io::Result<()> {
        if self == Self::None { Ok(()) } else { Ok(rustix::fs::syncfs(File::open(folder)?)?) }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn storage() -> (tempfile::TempDir, Storage) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("A")).unwrap();
        let storage = Storage::open(folder.path()).unwrap();
        (folder, storage)
    }

    #[test]
    fn everything_is_synced_unless_the_settings_say_otherwise() {
        let (_folder, storage) = storage();
        assert_eq!(Durability::of_storage(&storage), Durability::Full);
        fs::create_dir(storage.config()).unwrap();
        for (more, durability) in [
            ("", Durability::Full),
            ("[filesystem]\nsync: 0", Durability::None),
            ("[posix]\ndirsync: 0", Durability::NoFolders),
            ("[filesystem]\nsync: 0\n[posix]\ndirsync: 0", Durability::None),
        ] {
            let settings = format!("[structure]\nversion: 0.11\nformat: flat\n{more}\n");
            fs::write(storage.config().join("settings"), settings).unwrap();
            assert_eq!(Durability::of_storage(&storage), durability, "{more}");
        }
    }

    #[test]
    fn only_a_sync_that_the_settings_want_touches_the_path() {
        let missing = Path::new("/no/such/folder");
        let touched = |durability: Durability| {
            (durability.folder(missing).is_err(), durability.file_system(missing).is_err())
        };
        assert_eq!(touched(Durability::None), (false, false));
        assert_eq!(touched(Durability::NoFolders), (false, true));
        assert_eq!(touched(Durability::Full), (true, true));
    }
}
