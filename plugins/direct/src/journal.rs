//! Folders of the journal: what is listed, what belongs there, where it goes.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use dsnap_core::{Reason, text};
use dsnap_engine::storage::settings::Settings;
use dsnap_engine::system::access;
use dsnap_engine::{quoting, storage};

use crate::on;

/// A committed transaction in the journal.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) folder: PathBuf,
    /// Flat names, and their places below `A/`.
    pub(crate) files: Vec<(OsString, PathBuf)>,
}

impl Transaction {
    /// Looks at the folder of a committed transaction.
    ///
    /// # Errors
    ///
    /// It holds something that no server writes.
    pub(crate) fn look(folder: PathBuf, settings: Settings) -> Result<Self, Reason> {
        let mut files = Vec::new();
        for entry in list(&folder)? {
            let (name, path) = (entry.file_name(), entry.path());
            let is_folder = entry.file_type().map_err(|error| unreadable(&path, &error))?.is_dir();
            match settings.format.place(&name) {
                Some(place) if !is_folder => files.push((name, place)),
                _ => return Err(strange(&path)),
            }
        }
        Ok(Self { folder, files })
    }
}

/// The entries of a folder, without a packing server's marks.
pub(crate) fn list(folder: &Path) -> Result<Vec<DirEntry>, Reason> {
    let is_folder = |entry: &DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    let is_real = |entry: &io::Result<DirEntry>| {
        entry.as_ref().map_or(true, |it| is_folder(it) || !storage::is_mark(&it.file_name()))
    };
    let entries = fs::read_dir(folder).and_then(|entries| entries.filter(is_real).collect());
    entries.map_err(|error| unreadable(folder, &error))
}

/// Something that no server puts there.
pub(crate) fn strange(path: &Path) -> Reason {
    let mv = ["mv".as_ref(), path.as_os_str(), OsStr::new("/some/other/place")];
    Reason::new(format!("{} does not belong into a journal", text::path(path)))
        .hint(format!("find out what it is, and move it away: {}", quoting::command_line(mv)))
}

/// Something that cannot be looked at.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Reason {
    match error.kind() {
        io::ErrorKind::PermissionDenied => access::path_error(path, "cannot be read", error),
        _ => Reason::new(on(path, error)),
    }
}
