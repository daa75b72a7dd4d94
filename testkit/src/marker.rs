//! `misc/dsnap-testkit`: that a storage was made here and may be played with, and what copies of
//! it must hold.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dsnap_engine::storage::Storage;
use serde::{Deserialize, Serialize};

use crate::ledger::Ledger;
use crate::site::files::kind;
use crate::transactions::history;

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marker {
    /// How many transactions are in the last snapshot that a tool entered.
    pub(crate) snapshot: Option<usize>,
    /// How many were in it when it was opened after `shutdown`, and later than that snapshot.
    #[serde(default)]
    pub(crate) closed: Option<usize>,
    /// How many were committed when the server ended; none while it runs.
    pub(crate) end: Option<usize>,
    /// What was written into `snapshot.conf`.
    #[serde(default)]
    pub(crate) conf: Option<String>,
}

/// What a good copy may be a copy of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The last snapshot that was entered.
    Snapshot,
    /// The storage as it was closed last: by a clean stop, or by a tool after a crash.
    Closed,
    /// A crash, with no snapshot before: what a tool has to save.
    End,
}

fn place(dir: &Path) -> PathBuf {
    dir.join("misc/dsnap-testkit")
}

impl Marker {
    /// Whether a storage was made by the testkit.
    pub(crate) fn is_on(dir: &Path) -> bool {
        fs::symlink_metadata(place(dir)).is_ok_and(|metadata| metadata.is_file())
    }

    pub(crate) fn write(&self, storage: &Storage) -> io::Result<()> {
        let path = place(storage.root());
        let unfinished = path.with_extension("new");
        fs::write(&unfinished, serde_json::to_vec(self)?)?;
        fs::rename(unfinished, path)
    }

    /// Changes what the file of that storage says.
    pub(crate) fn change(storage: &Storage, change: impl FnOnce(&mut Self)) -> io::Result<()> {
        let mut marker = Self::read(storage.root())?;
        change(&mut marker);
        marker.write(storage)
    }

    pub(crate) fn read(dir: &Path) -> io::Result<Self> {
        let path = place(dir);
        let read = fs::read(&path).and_then(|text| Ok(serde_json::from_slice(&text)?));
        read.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
    }

    /// A tool's snapshot was entered: what was closed before is no longer the last one.
    pub(crate) fn entered(&mut self, count: usize) {
        (self.snapshot, self.closed) = (Some(count), None);
    }

    /// A server opens the storage, which said `shutdown` or not.
    pub(crate) fn opened(&mut self, shutdown: bool) {
        let end = self.end.take();
        if shutdown {
            self.closed = end.or(self.closed);
        }
    }

    /// Whether `misc/snapshot` says that the storage was closed.
    pub(crate) fn says_shutdown(storage: &Storage) -> bool {
        fs::read(storage.snapshot()).is_ok_and(|code| code == b"shutdown")
    }

    /// What copies may hold, the newest first. A crash is none of it, until a tool has closed
    /// the storage after it; then it is everything.
    fn events(mut self, storage: &Storage) -> Vec<(Event, usize)> {
        let end = self.end;
        self.opened(Self::says_shutdown(storage));
        let known = [(Event::Closed, self.closed), (Event::Snapshot, self.snapshot)];
        let known: Vec<_> =
            known.into_iter().filter_map(|(event, count)| Some((event, count?))).collect();
        match end {
            Some(count) if known.is_empty() => vec![(Event::End, count)],
            _ => known,
        }
    }
}

/// Refuses a storage that leads somewhere else: what is written into it would be written there.
pub(crate) fn refuse_links(dir: &Path) -> io::Result<()> {
    let folders = ["A", "B", "journal", "misc", "config"].map(|name| dir.join(name));
    for path in &folders {
        let is_folder = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
        if !is_folder {
            return Err(somewhere_else(path, "is no folder of this storage itself"));
        }
    }
    for entry in fs::read_dir(dir.join("misc"))? {
        let entry = entry?;
        if entry.file_type()?.is_symlink() {
            return Err(somewhere_else(&entry.path(), "is a link"));
        }
    }
    Ok(())
}

fn somewhere_else(path: &Path, what: &str) -> io::Error {
    io::Error::other(format!("{} {what}: nothing was changed", path.display()))
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Snapshot => "the last snapshot that was entered",
            Self::Closed => "the storage as it was closed last",
            Self::End => "the storage at its end",
        })
    }
}

/// What a copy of `A/` of a simulated storage must hold, the newest first: if the storage was
/// closed after the last snapshot was entered, a copy of either may be good.
///
/// # Errors
///
/// `dir` is no storage that the testkit made, or there was neither.
pub fn ledgers(dir: &Path) -> io::Result<Vec<(Event, Ledger)>> {
    if !Marker::is_on(dir) {
        let what = format!("{} was not made by dsnap-testkit", dir.display());
        return Err(io::Error::other(what));
    }
    let storage = Storage::open(dir).map_err(io::Error::other)?;
    let (format, class) = kind(&storage)?;
    let events = Marker::read(dir)?.events(&storage);
    if events.is_empty() {
        let what = "was neither closed nor in a snapshot yet: there is nothing to compare with";
        return Err(io::Error::other(format!("{} {what}", dir.display())));
    }
    let ledger = |count| Ledger::new(format, class, history(count));
    Ok(events.into_iter().map(|(event, count)| (event, ledger(count))).collect())
}

/// The newest of [`ledgers`].
///
/// # Errors
///
/// The same.
pub fn ledger_of_last_snapshot(dir: &Path) -> io::Result<Ledger> {
    let newest = ledgers(dir)?.into_iter().next();
    Ok(newest.ok_or(io::ErrorKind::NotFound)?.1)
}
