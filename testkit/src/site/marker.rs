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
    /// How many transactions are in the last snapshot that was entered.
    pub(crate) snapshot: usize,
    /// How many were committed when the server ended; none while it runs.
    pub(crate) end: Option<usize>,
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

    /// Changes what the file of that storage says.
    pub(crate) fn change(storage: &Storage, change: impl FnOnce(&mut Self)) -> io::Result<()> {
        let mut marker = Self::read(storage.root())?;
        change(&mut marker);
        marker.write(storage)
    }

    fn read(dir: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(place(dir))?)?)
    }
}

/// What a copy of `A/` of a simulated storage must hold: what was committed before the last
/// snapshot was entered; once the server has ended and its snapshot is none of a tool any more,
/// everything.
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
    let marker = Marker::read(dir)?;
    let held = fs::read(storage.snapshot()).is_ok_and(|code| code.starts_with(b"user/"));
    let count = marker.end.filter(|_| !held).unwrap_or(marker.snapshot);
    Ok(Ledger::new(format, class, history(count)))
}
