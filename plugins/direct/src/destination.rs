//! The folders into which files go.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use dsnap_core::Reason;
use dsnap_engine::system::folder::Folder;

use crate::reasons::unfinished_at;
use crate::recent::Recent;

/// The folders into which the last files went.
#[derive(Default)]
pub(crate) struct Destination {
    folders: Recent<Folder>,
}

impl Destination {
    /// Opens the folder of a file at `place` below `root`, and makes it if it is missing. Returns
    /// the folder and the name of the file in it.
    ///
    /// `is_missing` says that the folder was missing a while ago: then this does not first try to open it.
    pub(crate) fn of<'a>(
        &mut self,
        root: &Folder,
        place: &'a Path,
        is_missing: bool,
    ) -> Result<(Folder, &'a OsStr), Reason> {
        let (parent, name) = folder_and_name(place);
        Ok((open_or_make(&mut self.folders, root, parent, is_missing)?, name))
    }
}

/// Splits a place below `A/` into that of the folder and the name in it. A recovery asks this for every file, and
/// `Path::parent` looks at each part of a path.
pub(crate) fn folder_and_name(place: &Path) -> (&Path, &OsStr) {
    let bytes = place.as_os_str().as_bytes();
    let slash = bytes.iter().rposition(|byte| *byte == b'/');
    let (folder, name) = slash.map_or((&[][..], bytes), |at| (&bytes[..at], &bytes[at + 1..]));
    (Path::new(OsStr::from_bytes(folder)), OsStr::from_bytes(name))
}

fn open_or_make(
    folders: &mut Recent<Folder>,
    root: &Folder,
    place: &Path,
    is_missing: bool,
) -> Result<Folder, Reason> {
    folders.get(root, place, |folders| {
        let opened =
            if is_missing { Err(io::ErrorKind::NotFound.into()) } else { root.folder(place) };
        let folder = match (opened, place.parent()) {
            (Err(error), Some(above)) if error.kind() == io::ErrorKind::NotFound => {
                let name = place.file_name().unwrap_or_default();
                match open_or_make(folders, root, above, false)?.new_folder(name) {
                    // It was made meanwhile, for an earlier file or for one from `B/`.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        root.folder(place)
                    }
                    made => made,
                }
            }
            (opened, _) => opened,
        };
        folder.map_err(|error| not_created(root, place, &error))
    })
}

/// Opens a folder, and makes it and the missing ones above it.
pub(crate) fn make_folders(root: &Folder, place: &Path) -> Result<Folder, Reason> {
    root.make_folders(place).map_err(|error| not_created(root, place, &error))
}

fn not_created(root: &Folder, place: &Path, error: &io::Error) -> Reason {
    unfinished_at("cannot create", root, place, error)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_is_opened_or_made_whether_or_not_it_was_missing_before() {
        for exists in [false, true] {
            for was_missing in [false, true] {
                let folder = tempfile::tempdir().unwrap();
                let place = folder.path().join("o0/12");
                if exists {
                    fs::create_dir_all(&place).unwrap();
                }
                let root = Folder::open(folder.path()).unwrap();
                let (opened, name) =
                    Destination::default().of(&root, Path::new("o0/12/c"), was_missing).unwrap();
                assert_eq!((opened.path(), name), (place.as_path(), OsStr::new("c")));
                assert!(place.is_dir(), "{exists} {was_missing}");
            }
        }
    }

    #[test]
    fn a_link_in_the_place_of_a_folder_that_was_missing_is_not_followed() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("o0")).unwrap();
        let root = Folder::open(folder.path()).unwrap();
        assert!(Destination::default().of(&root, Path::new("o0/c"), true).is_err());
    }

    #[test]
    fn a_place_is_split_at_its_last_slash() {
        for (place, folder, name) in [("o0/12/c", "o0/12", "c"), ("x.oid", "", "x.oid")] {
            assert_eq!(folder_and_name(Path::new(place)), (Path::new(folder), OsStr::new(name)));
        }
    }
}
