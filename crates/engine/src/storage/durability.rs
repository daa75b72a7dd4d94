//! What the settings of a storage want synced, and the system calls that do it.
//!
//! A record or a file that a power cut takes away was never there. Which step needs a sync, and when,
//! is deliberately elsewhere: the run lock and the method `direct` decide that.

use std::fs::File;
use std::io;

use crate::storage::Storage;
use crate::storage::settings::Settings;
use crate::system::folder::Folder;

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
    pub fn folder(self, folder: &Folder) -> io::Result<()> {
        if self == Self::Full { folder.sync() } else { Ok(()) }
    }

    /// Puts everything written so far to the file system of `folder` on disk, unless nothing is to
    /// be synced.
    ///
    /// # Errors
    ///
    /// The system cannot open the folder or sync its file system.
    pub fn file_system(self, folder: &Folder) -> io::Result<()> {
        if self == Self::None { Ok(()) } else { folder.sync_file_system() }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::storage::testing::storage;

    #[test]
    fn everything_is_synced_unless_the_settings_say_otherwise() {
        let (_folder, storage) = storage();
        assert_eq!(Durability::of_storage(&storage), Durability::Full);
        for (more, durability) in [
            ("", Durability::Full),
            ("[filesystem]\nsync: 0", Durability::None),
            ("[posix]\ndirsync: 0", Durability::NoFolders),
            ("[filesystem]\nsync: 0\n[posix]\ndirsync: 0", Durability::None),
        ] {
            let settings = format!("[structure]\nversion: 0.11\nformat: flat\n{more}\n");
            fs::write(storage.config().join("settings"), settings).unwrap();
            let storage = Storage::open(storage.root()).unwrap();
            assert_eq!(Durability::of_storage(&storage), durability, "{more}");
        }
    }

    #[test]
    fn a_folder_is_synced_only_if_the_settings_want_that() {
        // The system cannot sync this one.
        let proc = Folder::open("/proc/self/fd".as_ref()).unwrap();
        let is_synced = |durability: Durability| durability.folder(&proc).is_err();
        assert!(!is_synced(Durability::None));
        assert!(!is_synced(Durability::NoFolders));
        assert!(is_synced(Durability::Full));
    }
}
