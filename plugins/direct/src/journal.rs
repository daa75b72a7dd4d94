//! Folders of the journal: what they contain, and where it goes.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use dsnap_core::Reason;
use dsnap_engine::storage::settings::Settings;
use dsnap_engine::system::folder::{Folder, Listed};

use crate::names::Names;
use crate::reasons::{unexpected_in_journal, unfinished_at};

/// A file of a committed transaction.
#[derive(Debug)]
pub(crate) struct JournalFile {
    /// Its place below `A/`.
    pub(crate) place: PathBuf,
    /// Its name in the folder of the transaction.
    pub(crate) name: OsString,
    /// Whether a later transaction has a file for the same place. `batch` finds that out.
    pub(crate) superseded: bool,
    /// Whether the folder of its place was missing. Only the survey finds that out.
    pub(crate) folder_is_missing: bool,
}

impl JournalFile {
    /// Finds out where the files of a transaction go. Returns them in the order of their places, so
    /// that those of one folder follow each other.
    ///
    /// # Errors
    ///
    /// No server writes such an entry.
    pub(crate) fn all_of(
        entries: impl IntoIterator<Item = Listed>,
        folder: &Folder,
        settings: Settings,
    ) -> Result<Vec<Self>, Reason> {
        let file = |Listed { name, is_folder }| match settings.format.place(&name) {
            Some(place) if !is_folder => {
                Ok(Self { place, name, superseded: false, folder_is_missing: false })
            }
            _ => Err(unexpected_in_journal(&folder.path_of(&name))),
        };
        let mut files = entries.into_iter().map(file).collect::<Result<Vec<_>, _>>()?;
        files.sort_unstable_by(|one, other| one.order().cmp(&other.order()));
        Ok(files)
    }

    /// Bytes are compared, because comparing paths part by part takes longer.
    fn order(&self) -> (&OsStr, &OsStr) {
        (self.place.as_os_str(), &self.name)
    }
}

/// The folders of all committed transactions, oldest first.
#[derive(Clone, Copy)]
pub(crate) struct Transactions<'a> {
    pub(crate) journal: &'a Folder,
    pub(crate) names: &'a Names,
}

impl<'a> Transactions<'a> {
    /// Returns the name of the folder with this number.
    pub(crate) fn name(self, number: usize) -> &'a OsStr {
        self.names.get(number).unwrap_or_default()
    }

    /// Opens the folder with this number.
    pub(crate) fn open(self, number: usize) -> Result<Folder, Reason> {
        open(self.journal, self.name(number))
    }
}

/// Opens a folder in the middle of a recovery.
pub(crate) fn open(parent: &Folder, name: impl AsRef<Path>) -> Result<Folder, Reason> {
    parent.folder(&name).map_err(|error| unfinished_at("cannot open", parent, name, &error))
}
