//! What is on disk before something is asked for: a record that a power cut takes away is none.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use crate::storage::Storage;

/// What the settings of a storage want synced of a file in `misc/`.
#[derive(Debug)]
pub(crate) struct Durability {
    /// The content of the file.
    sync: bool,
    /// The folder whose entry it is: a file that was just made may be lost without that.
    folder: Option<PathBuf>,
}

impl Durability {
    /// Settings that cannot be read want everything.
    pub(crate) fn wanted_for(storage: &Storage) -> Self {
        let settings = storage.settings().ok();
        let sync = settings.is_none_or(|settings| settings.sync);
        let folder = sync && settings.is_none_or(|settings| settings.dirsync);
        Self { sync, folder: folder.then(|| storage.misc()) }
    }

    /// The file is on disk afterwards.
    pub(crate) fn sync(&self, file: &File) -> io::Result<()> {
        if self.sync {
            file.sync_all()?;
        }
        self.folder.iter().try_for_each(|folder| File::open(folder)?.sync_all())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_folder_is_put_on_disk_unless_the_settings_want_none_of_that() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("A")).unwrap();
        let storage = Storage::open(folder.path()).unwrap();
        assert_eq!(Durability::wanted_for(&storage).folder, Some(storage.misc()));
        fs::create_dir(storage.config()).unwrap();
        for (more, sync) in [("[filesystem]\nsync: 0", false), ("[posix]\ndirsync: 0", true)] {
            let settings = format!("[structure]\nversion: 0.11\nformat: flat\n{more}\n");
            fs::write(storage.config().join("settings"), settings).unwrap();
            let wanted = Durability::wanted_for(&storage);
            assert_eq!((wanted.sync, wanted.folder), (sync, None));
        }
    }
}
