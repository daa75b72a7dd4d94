//! Modes of new files and folders: those of their neighbours, whatever the umask.
//!
//! Root's cron often has the umask 077, but members of the storage's group must still be able to
//! read. On a storage made under an ordinary umask, the result is the original's: 0640 for files and
//! 0777 for folders, less the umask.

use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The mode, less the umask, of files that DirectoryStorage makes.
pub const FILE: u32 = 0o640;
/// The widest mode of a lock file: the group may lock if it may write the neighbours.
pub(crate) const LOCK: u32 = 0o660;
/// The permissions that the owner of a file always has.
const OWNERS: u32 = 0o600;
/// The permission bits of a folder; the system sets the other bits.
const ACCESS: u32 = 0o777;

/// Gives a new file in `misc/` the mode of its neighbours, within `widest`.
///
/// If there is no neighbour, or the system refuses, the file keeps its mode.
pub fn inherit_mode(file: &File, path: &Path, widest: u32) {
    if let Some(neighbour) = neighbours(path).iter().find_map(|path| fs::metadata(path).ok()) {
        let mode = OWNERS | (mode(&neighbour) & widest);
        let _ = file.set_permissions(Permissions::from_mode(mode));
    }
}

/// Lists the files that a server or an administrator makes beside a file in `misc/`.
fn neighbours(path: &Path) -> Vec<PathBuf> {
    let Some(misc) = path.parent() else { return Vec::new() };
    let in_misc = ["sublock", "lock"].map(|name| misc.join(name));
    let config = misc.parent().map(|storage| storage.join("config"));
    let in_config = config.iter().flat_map(|it| ["settings", "identity"].map(|name| it.join(name)));
    in_misc.into_iter().chain(in_config).filter(|neighbour| neighbour != path).collect()
}

/// Makes a folder and its missing parents, each with the mode of the folder it is in.
///
/// # Errors
///
/// The system refuses, or something in the way is not a folder.
pub fn make_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make_folders(parent)?;
    }
    fs::create_dir(folder)?;
    let Some(parent) = folder.parent().and_then(|parent| fs::metadata(parent).ok()) else {
        return Ok(());
    };
    let made = mode(&fs::metadata(folder)?);
    let wanted = (made & !ACCESS) | (mode(&parent) & ACCESS);
    if made != wanted {
        // If the system refuses, the folder keeps its mode.
        let _ = fs::set_permissions(folder, Permissions::from_mode(wanted));
    }
    Ok(())
}

fn mode(found: &Metadata) -> u32 {
    found.permissions().mode() & 0o7777
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn made_beside(neighbour: &str, its_mode: u32, widest: u32) -> u32 {
        let folder = tempfile::tempdir().unwrap();
        for name in ["misc", "config"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join(neighbour), "").unwrap();
        set(&folder.path().join(neighbour), its_mode);
        let path = folder.path().join("misc/lock");
        let file = File::create_new(&path).unwrap();
        set(&path, 0o600);
        inherit_mode(&file, &path, widest);
        mode(&file.metadata().unwrap())
    }

    #[test]
    fn a_file_has_the_mode_of_its_neighbours_as_far_as_the_original_goes() {
        for (neighbours, own) in [(0o644, 0o640), (0o640, 0o640), (0o600, 0o600), (0o664, 0o640)] {
            assert_eq!(made_beside("misc/sublock", neighbours, FILE), own, "{neighbours:o}");
        }
        assert_eq!(made_beside("config/settings", 0o640, FILE), 0o640);
        assert_eq!(made_beside("config/identity", 0o400, FILE), 0o600);
        assert_eq!(made_beside("misc/sublock", 0o664, LOCK), 0o660);
    }

    #[test]
    fn without_a_neighbour_a_file_stays_as_it_was_made() {
        assert_eq!(made_beside("config/snapshot.conf", 0o640, FILE), 0o600);
    }

    #[test]
    fn a_folder_has_the_mode_of_the_one_it_is_in() {
        let folder = tempfile::tempdir().unwrap();
        for parent in [0o2755, 0o775, 0o700] {
            let a = folder.path().join(format!("A{parent:o}"));
            fs::create_dir(&a).unwrap();
            set(&a, parent);
            make_folders(&a.join("o0/12")).unwrap();
            for made in ["o0", "o0/12"] {
                let mode = mode(&fs::metadata(a.join(made)).unwrap());
                assert_eq!(mode, parent, "{made}");
            }
        }
    }

    #[test]
    fn a_file_in_the_way_of_a_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(make_folders(&folder.path().join("file")).is_err());
        assert!(make_folders(&folder.path().join("file/below")).is_err());
    }
}
