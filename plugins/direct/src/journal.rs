//! Folders of the journal: what they contain, and where it goes.

use std::ffi::OsString;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use dsnap_core::Reason;
use dsnap_engine::storage;
use dsnap_engine::storage::settings::Settings;

use crate::reasons::{unexpected_in_journal, unreadable};

/// A committed transaction in the journal.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) folder: PathBuf,
    /// Flat names, and their places below `A/`.
    pub(crate) files: Vec<(OsString, PathBuf)>,
}

impl Transaction {
    /// Reads the names in the folder of a committed transaction.
    ///
    /// # Errors
    ///
    /// The folder cannot be read, or contains something that no server writes.
    pub(crate) fn read(folder: PathBuf, settings: Settings) -> Result<Self, Reason> {
        let mut files = Vec::new();
        for entry in list(&folder)? {
            let (name, path) = (entry.file_name(), entry.path());
            match settings.format.place(&name) {
                Some(place) if !is_folder(&entry)? => files.push((name, place)),
                _ => return Err(unexpected_in_journal(&path)),
            }
        }
        Ok(Self { folder, files })
    }
}

/// Lists the entries of a folder, without the `.mark` files of a packing server.
pub(crate) fn list(folder: &Path) -> Result<Vec<DirEntry>, Reason> {
    let is_folder = |entry: &DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    let is_mark = |entry: &DirEntry| !is_folder(entry) && storage::is_mark(&entry.file_name());
    let is_listed = |entry: &io::Result<DirEntry>| !entry.as_ref().is_ok_and(is_mark);
    let entries = fs::read_dir(folder).and_then(|entries| entries.filter(is_listed).collect());
    entries.map_err(|error| unreadable(folder, &error))
}

/// Tells whether an entry is a folder; a link to one is not.
pub(crate) fn is_folder(entry: &DirEntry) -> Result<bool, Reason> {
    let kind = entry.file_type().map_err(|error| unreadable(&entry.path(), &error))?;
    Ok(kind.is_dir())
}
