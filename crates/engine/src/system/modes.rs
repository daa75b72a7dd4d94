//! Modes of new files and folders: those of their neighbours, whatever the umask.
//!
//! Root's cron often has the umask 077, but members of the storage's group must still be able to
//! read. On a storage made under an ordinary umask, the result is the original's: 0640 for files and
//! 0777 for folders, less the umask.

use std::fs::{File, Metadata, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

/// The mode, less the umask, of files that DirectoryStorage makes.
pub(crate) const FILE: u32 = 0o640;
/// The widest mode of a lock file: the group may lock if it may write the neighbours.
pub(crate) const LOCK: u32 = 0o660;
/// The mode, less the umask, of folders that DirectoryStorage makes.
pub(super) const FOLDER: u32 = 0o777;
/// The permissions that the owner of a file always has.
const OWNERS: u32 = 0o600;
/// The permission bits of a folder; the system sets the other bits.
pub(super) const ACCESS: u32 = 0o777;

/// Returns the mode of a new file beside this neighbour: the same, within `widest`.
pub(crate) fn beside(neighbour: &Metadata, widest: u32) -> u32 {
    OWNERS | (neighbour.mode() & widest)
}

/// Gives a new file its mode, if there is one. If the system refuses, the file keeps the one it has.
pub(crate) fn set(file: &File, mode: Option<u32>) {
    let _ = mode.map(|mode| file.set_permissions(Permissions::from_mode(mode)));
}

/// Says whether a new folder has the mode of the one it is in, and the group of its tree.
pub(super) fn is_folder_like(made: &Metadata, parent: &Metadata, group: u32) -> bool {
    made.gid() == group && made.mode() & ACCESS == parent.mode() & ACCESS
}

/// Gives a new folder the mode of the one it is in, and the group of its tree. What the system
/// refuses stays as it is.
pub(super) fn make_folder_like(folder: &File, parent: &Metadata, group: u32) {
    // Before the mode: a change of the group may clear bits of it.
    let _ = fchown(folder, None, Some(group));
    let Ok(made) = folder.metadata().map(|made| made.mode() & 0o7777) else { return };
    let wanted = (made & !ACCESS) | (parent.mode() & ACCESS);
    if made != wanted {
        let _ = folder.set_permissions(Permissions::from_mode(wanted));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn made_like(neighbour: u32, widest: u32) -> u32 {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("neighbour"), "").unwrap();
        fs::set_permissions(path("neighbour"), Permissions::from_mode(neighbour)).unwrap();
        let file = File::create_new(path("file")).unwrap();
        set(&file, Some(beside(&fs::metadata(path("neighbour")).unwrap(), widest)));
        file.metadata().unwrap().mode() & 0o7777
    }

    #[test]
    fn a_file_has_the_mode_of_its_neighbour_as_far_as_the_original_goes() {
        for (neighbour, own) in [(0o644, 0o640), (0o640, 0o640), (0o600, 0o600), (0o664, 0o640)] {
            assert_eq!(made_like(neighbour, FILE), own, "{neighbour:o}");
        }
        assert_eq!(made_like(0o400, FILE), 0o600);
        assert_eq!(made_like(0o664, LOCK), 0o660);
        assert_eq!(made_like(0o7666, LOCK), 0o660);
    }
}
