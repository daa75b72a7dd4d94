//! `misc/dsnap-testkit`: that a storage was made here and may be played with, and what its last
//! snapshot holds.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dsnap_core::Storage;
use serde::{Deserialize, Serialize};

use super::files::kind;
use crate::ledger::Ledger;
use crate::transactions::history;

/// What the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marker {
    /// How many transactions are in the last snapshot that was entered, or the clean stop.
    pub(crate) transactions: usize,
}

fn place(dir: &Path) -> PathBuf {
    dir.join("misc/dsnap-testkit")
}

impl Marker {
    /// Whether a storage was made by the testkit.
    pub(crate) fn is_on(dir: &Path) -> bool {
        place(dir).is_file()
    }

    pub(crate) fn write(self, storage: &Storage) -> io::Result<()> {
        let path = place(storage.root());
        let unfinished = path.with_extension("new");
        fs::write(&unfinished, serde_json::to_vec(&self)?)?;
        fs::rename(unfinished, path)
    }

    fn read(dir: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(place(dir))?)?)
    }
}

/// What a copy of a simulated storage must hold.
///
/// # Errors
///
/// `dir` is no storage that the testkit made.
pub fn ledger_of_last_snapshot(dir: &Path) -> io::Result<Ledger> {
    if !Marker::is_on(dir) {
        let what = format!("{} was not made by dsnap-testkit", dir.display());
        return Err(io::Error::other(what));
    }
    let storage = Storage::open(dir).map_err(io::Error::other)?;
    let (format, class) = kind(&storage)?;
    Ok(Ledger::new(format, class, history(Marker::read(dir)?.transactions)))
}
