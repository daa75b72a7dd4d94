//! The folders into which files go.

use std::ffi::OsStr;
use std::io;
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
    pub(crate) fn of<'a>(
        &mut self,
        root: &Folder,
        place: &'a Path,
    ) -> Result<(Folder, &'a OsStr), Reason> {
        let parent = place.parent().unwrap_or(Path::new(""));
        let folder = open_or_make(&mut self.folders, root, parent)?;
        Ok((folder, place.file_name().unwrap_or_default()))
    }
}

fn open_or_make(
    folders: &mut Recent<Folder>,
    root: &Folder,
    place: &Path,
) -> Result<Folder, Reason> {
    folders.get(root, place, |folders| match (root.folder(place), place.parent()) {
        (Err(error), Some(above)) if error.kind() == io::ErrorKind::NotFound => {
            let made = open_or_make(folders, root, above)?
                .new_folder(place.file_name().unwrap_or_default());
            made.map_err(|error| not_created(root, place, &error))
        }
        (opened, _) => opened.map_err(|error| not_created(root, place, &error)),
    })
}

/// Opens a folder, and makes it and the missing ones above it.
pub(crate) fn make_folders(root: &Folder, place: &Path) -> Result<Folder, Reason> {
    root.make_folders(place).map_err(|error| not_created(root, place, &error))
}

fn not_created(root: &Folder, place: &Path, error: &io::Error) -> Reason {
    unfinished_at("cannot create", root, place, error)
}
