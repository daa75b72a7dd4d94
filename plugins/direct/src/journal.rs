//! Folders of the journal: what they contain, and where it goes.

use std::ffi::OsString;
use std::path::PathBuf;

use dsnap_core::Reason;
use dsnap_engine::storage;
use dsnap_engine::storage::settings::Settings;
use dsnap_engine::system::folder::{Folder, Listed};

use crate::reasons::{unexpected_in_journal, unreadable};

/// Asked in every loop over what others wrote: an error ends the work.
pub(crate) type KeepGoing<'a> = &'a dyn Fn() -> Result<(), Reason>;

/// A committed transaction in the journal.
#[derive(Debug)]
pub(crate) struct Transaction {
    /// The name of its folder in `journal/`.
    pub(crate) name: OsString,
    /// Flat names, and their places below `A/`, sorted by these.
    pub(crate) files: Vec<(PathBuf, OsString)>,
}

impl Transaction {
    /// Reads the names in the folder of a committed transaction.
    ///
    /// # Errors
    ///
    /// The folder cannot be read, or contains something that no server writes; or the caller wants
    /// to stop.
    pub(crate) fn read(
        name: OsString,
        folder: &Folder,
        settings: Settings,
        keep_going: KeepGoing<'_>,
    ) -> Result<Self, Reason> {
        let mut files = Vec::new();
        for Listed { name, is_folder } in list(folder, keep_going)? {
            match settings.format.place(&name) {
                Some(place) if !is_folder => files.push((place, name)),
                _ => return Err(unexpected_in_journal(&folder.path_of(&name))),
            }
        }
        files.sort();
        Ok(Self { name, files })
    }
}

/// Lists the entries of a folder, without the `.mark` files of a packing server.
pub(crate) fn list(folder: &Folder, keep_going: KeepGoing<'_>) -> Result<Vec<Listed>, Reason> {
    let mut listed = list_all(folder, keep_going)?;
    listed.retain(|entry| entry.is_folder || !storage::is_mark(&entry.name));
    Ok(listed)
}

/// Lists the entries of a folder, the `.mark` files among them.
pub(crate) fn list_all(folder: &Folder, keep_going: KeepGoing<'_>) -> Result<Vec<Listed>, Reason> {
    let unreadable = |error| unreadable(folder, "", &error);
    let mut listed = Vec::new();
    for entry in folder.entries().map_err(unreadable)? {
        keep_going()?;
        listed.push(entry.map_err(unreadable)?);
    }
    Ok(listed)
}
