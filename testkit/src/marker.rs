//! `misc/dsnap-testkit`: shows that the testkit made a storage, which it may therefore change, and
//! records what copies of it must contain.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dsnap_engine::storage::Storage;
use serde::{Deserialize, Serialize};

use crate::ledger::Ledger;
use crate::transactions::{Class, history};

/// The content of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marker {
    /// The number of transactions in the last snapshot that a tool entered.
    pub(crate) snapshot: Option<usize>,
    /// The number of transactions when it was last opened after `shutdown`, if that was later than
    /// the snapshot.
    #[serde(default)]
    pub(crate) closed: Option<usize>,
    /// The number of transactions when the server ended; `None` while it runs.
    pub(crate) end: Option<usize>,
    /// The `snapshot.conf` that the testkit wrote.
    #[serde(default)]
    pub(crate) conf: Option<String>,
}

/// The moment that a good copy may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The last snapshot that was entered.
    Snapshot,
    /// The last time that the storage was closed: by a clean stop, or by a tool after a crash.
    Closed,
    /// A crash without a snapshot before it: a tool has to recover everything.
    End,
}

fn path_in(dir: &Path) -> PathBuf {
    dir.join("misc/dsnap-testkit")
}

impl Marker {
    /// Tells whether the testkit made a storage.
    pub(crate) fn is_on(dir: &Path) -> bool {
        fs::symlink_metadata(path_in(dir)).is_ok_and(|metadata| metadata.is_file())
    }

    pub(crate) fn write(&self, storage: &Storage) -> io::Result<()> {
        let path = path_in(storage.root());
        let unfinished = path.with_extension("new");
        fs::write(&unfinished, serde_json::to_vec(self)?)?;
        fs::rename(unfinished, path)
    }

    /// Changes the marker of a storage.
    pub(crate) fn change(storage: &Storage, change: impl FnOnce(&mut Self)) -> io::Result<()> {
        let mut marker = Self::read(storage.root())?;
        change(&mut marker);
        marker.write(storage)
    }

    pub(crate) fn read(dir: &Path) -> io::Result<Self> {
        let path = path_in(dir);
        let read = fs::read(&path).and_then(|text| Ok(serde_json::from_slice(&text)?));
        read.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
    }

    /// Records that a tool entered a snapshot, which replaces an earlier closing.
    pub(crate) fn entered(&mut self, count: usize) {
        (self.snapshot, self.closed) = (Some(count), None);
    }

    /// Records that a server opened the storage, after `shutdown` or not.
    pub(crate) fn opened(&mut self, shutdown: bool) {
        let end = self.end.take();
        if shutdown {
            self.closed = end.or(self.closed);
        }
    }

    /// Tells whether `misc/snapshot` contains `shutdown`.
    pub(crate) fn is_shut_down(storage: &Storage) -> bool {
        fs::read(storage.snapshot()).is_ok_and(|code| code == b"shutdown")
    }

    /// Returns what copies may contain, the newest first. A crash does not count until a tool has
    /// closed the storage; then a copy must contain everything.
    fn events(mut self, storage: &Storage) -> Vec<(Event, usize)> {
        let end = self.end;
        self.opened(Self::is_shut_down(storage));
        let known = [(Event::Closed, self.closed), (Event::Snapshot, self.snapshot)];
        let known: Vec<_> =
            known.into_iter().filter_map(|(event, count)| Some((event, count?))).collect();
        match end {
            Some(count) if known.is_empty() => vec![(Event::End, count)],
            _ => known,
        }
    }
}

/// Refuses a storage whose parts are links: the testkit would change files elsewhere.
pub(crate) fn refuse_links(dir: &Path) -> io::Result<()> {
    let folders = ["A", "B", "journal", "misc", "config"].map(|name| dir.join(name));
    for path in &folders {
        let is_folder = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
        if !is_folder {
            return Err(link_error(path, "is not a directory of its own"));
        }
    }
    for entry in fs::read_dir(dir.join("misc"))? {
        let entry = entry?;
        if entry.file_type()?.is_symlink() {
            return Err(link_error(&entry.path(), "is a link"));
        }
    }
    Ok(())
}

fn link_error(path: &Path, what: &str) -> io::Error {
    io::Error::other(format!("{} {what}: nothing was changed", path.display()))
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Snapshot => "the last snapshot that was entered",
            Self::Closed => "the storage when it was last closed",
            Self::End => "the storage when its server crashed",
        })
    }
}

/// Returns what a copy of `A/` of a simulated storage must contain, the newest first: if the storage
/// was closed after its last snapshot, a copy of either is good.
///
/// # Errors
///
/// The testkit did not make `dir`, or the storage was neither closed nor in a snapshot yet.
pub fn ledgers(dir: &Path) -> io::Result<Vec<(Event, Ledger)>> {
    if !Marker::is_on(dir) {
        let what = format!("{} was not made by dsnap-testkit", dir.display());
        return Err(io::Error::other(what));
    }
    let storage = Storage::open(dir).map_err(io::Error::other)?;
    let events = Marker::read(dir)?.events(&storage);
    if events.is_empty() {
        let what = "was neither closed nor in a snapshot yet, so a copy of it cannot be verified";
        return Err(io::Error::other(format!("{} {what}", dir.display())));
    }
    let ledger = |(event, count)| Ok((event, ledger_of_first(&storage, count)?));
    events.into_iter().map(ledger).collect()
}

/// Returns a ledger of the first `count` transactions that were committed to a simulated storage.
///
/// # Errors
///
/// The settings of the storage cannot be read.
pub(crate) fn ledger_of_first(storage: &Storage, count: usize) -> io::Result<Ledger> {
    let format = storage.settings().map_err(io::Error::other)?.format;
    Ok(Ledger::new(format, Class::of(storage)?, history(count)))
}

/// Returns how many transactions were committed when the server of a storage ended.
///
/// # Errors
///
/// The marker file cannot be read, or the server has not ended.
pub(crate) fn committed_until_end(dir: &Path) -> io::Result<usize> {
    let end = Marker::read(dir)?.end;
    end.ok_or_else(|| io::Error::other(format!("the server of {} has not ended", dir.display())))
}

/// Returns the newest of [`ledgers`].
///
/// # Errors
///
/// Those of [`ledgers`].
pub fn ledger_of_last_snapshot(dir: &Path) -> io::Result<Ledger> {
    let newest = ledgers(dir)?.into_iter().next();
    Ok(newest.ok_or(io::ErrorKind::NotFound)?.1)
}
