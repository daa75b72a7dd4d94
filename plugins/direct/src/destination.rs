//! The folders into which files go.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use dsnap_core::Reason;
use dsnap_engine::system::folder::Folder;

use crate::reasons::unfinished_at;

/// The folder into which the last file went: the next one often goes into the same.
#[derive(Default)]
pub(crate) struct Destination {
    last: Option<(PathBuf, Folder)>,
}

impl Destination {
    /// Opens the folder of a file at `place` below `root`, and makes it if it is missing. Returns
    /// the folder and the name of the file in it.
    pub(crate) fn of<'a>(
        &mut self,
        root: &Folder,
        place: &'a Path,
    ) -> Result<(&Folder, &'a OsStr), Reason> {
        let parent = place.parent().unwrap_or(Path::new(""));
        let path = root.path_of(parent);
        let last = match self.last.take() {
            Some(last) if last.0 == path => last,
            _ => (path, make_folders(root, parent)?),
        };
        let (_, folder) = self.last.insert(last);
        Ok((folder, place.file_name().unwrap_or_default()))
    }
}

/// Opens a folder, and makes it and the missing ones above it.
pub(crate) fn make_folders(root: &Folder, place: &Path) -> Result<Folder, Reason> {
    root.make_folders(place).map_err(|error| unfinished_at("cannot create", root, place, &error))
}
