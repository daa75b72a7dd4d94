//! Moving files into `A/`: from `B/`, then from the journal.
//!
//! Everything in `B/` is older than everything in the journal, and older files of one name in
//! the journal are older than newer ones. A newer file may reach `A/` only when every older one
//! is gone, on disk: else a crash leaves a storage whose next recovery replaces new by old.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dsnap_core::method::{Caller, Message};
use dsnap_core::{Reason, text};
use dsnap_engine::storage;
use dsnap_engine::system::modes;

use crate::journal::{Transaction, list};
use crate::{on, stuck, stuck_at};

/// How often progress is reported.
const REPORT: Duration = Duration::from_secs(1);

/// Counts what is done, reports it, and asks between two files whether to go on.
pub(crate) struct Progress<'a> {
    caller: &'a dyn Caller,
    done: u64,
    of: Option<u64>,
    reported: Instant,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(caller: &'a dyn Caller) -> Self {
        Self { caller, done: 0, of: None, reported: Instant::now() }
    }

    /// From here on it is known how many files there are.
    pub(crate) fn expect(&mut self, more: usize) {
        self.of = Some(self.done + more as u64);
    }

    /// Before each file.
    ///
    /// # Errors
    ///
    /// The program was asked to end.
    pub(crate) fn next(&mut self) -> Result<(), Reason> {
        if self.caller.should_stop() {
            return Err(stuck("asked to stop while the storage was being rolled forward"));
        }
        self.done += 1;
        if self.reported.elapsed() >= REPORT {
            self.reported = Instant::now();
            self.caller.say(Message::Progress { done: self.done, of: self.of, unit: "files" });
        }
        Ok(())
    }
}

/// Moves every file below `b` to the same place below `a`; the folders stay, empty.
/// True if a file was moved.
pub(crate) fn empty_into(b: &Path, a: &Path, progress: &mut Progress<'_>) -> Result<bool, Reason> {
    let mut moved = false;
    for entry in list(b)? {
        let (from, to) = (entry.path(), a.join(entry.file_name()));
        if entry.file_type().map_err(|error| stuck(on(&from, error)))?.is_dir() {
            make_folders(&to)?;
            moved |= empty_into(&from, &to, progress)?;
        } else {
            progress.next()?;
            rename(&from, &to)?;
            moved = true;
        }
    }
    Ok(moved)
}

/// Removes the folders below `b`, which are empty.
pub(crate) fn remove_folders_below(b: &Path) -> Result<(), Reason> {
    for entry in list(b)? {
        remove_folders_below(&entry.path())?;
        remove_emptied(&entry.path())?;
    }
    Ok(())
}

/// Removes a folder that holds nothing but the marks of a packing server. Anything else in it
/// came after the survey, and stops the recovery instead of being lost.
pub(crate) fn remove_emptied(folder: &Path) -> Result<(), Reason> {
    let remove = || {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if storage::is_mark(&entry.file_name()) {
                fs::remove_file(entry.path())?;
            }
        }
        fs::remove_dir(folder)
    };
    remove().map_err(|error: io::Error| stuck_at("removing", folder, &error))
}

/// Removes the files that a later transaction replaces; the others are returned with their
/// places. The transactions come oldest first.
pub(crate) fn drop_superseded(
    transactions: &[Transaction],
    progress: &mut Progress<'_>,
) -> Result<Vec<(PathBuf, PathBuf)>, Reason> {
    let mut newest: HashMap<&Path, PathBuf> = HashMap::new();
    for transaction in transactions {
        for (name, place) in &transaction.files {
            let file = transaction.folder.join(name);
            if let Some(older) = newest.insert(place, file) {
                progress.next()?;
                fs::remove_file(&older).map_err(|error| stuck_at("removing", &older, &error))?;
            }
        }
    }
    Ok(newest.into_iter().map(|(place, file)| (file, place.to_owned())).collect())
}

/// Moves files from the journal to their places below `a`.
pub(crate) fn roll_forward(
    files: &[(PathBuf, PathBuf)],
    a: &Path,
    progress: &mut Progress<'_>,
) -> Result<(), Reason> {
    for (from, place) in files {
        progress.next()?;
        rename(from, &a.join(place))?;
    }
    Ok(())
}

/// Moves a file over whatever is there; folders above it are made when they are missing.
fn rename(from: &Path, to: &Path) -> Result<(), Reason> {
    let moved = match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            to.parent().map_or(Ok(()), make_folders)?;
            fs::rename(from, to)
        }
        moved => moved,
    };
    moved.map_err(|error| stuck_at(&format!("moving {} to", text::path(from)), to, &error))
}

/// Makes a folder and those above it.
pub(crate) fn make_folders(folder: &Path) -> Result<(), Reason> {
    modes::make_folders(folder).map_err(|error| stuck_at("making", folder, &error))
}
