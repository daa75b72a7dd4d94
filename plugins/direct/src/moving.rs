//! Moving files into `A/`: from `B/`, then from the journal.
//!
//! Everything in `B/` is older than everything in the journal. Within the journal, a later
//! transaction replaces files of an earlier one. A newer file may reach `A/` only when every older
//! file of its name is gone, on disk. Otherwise a crash leaves a storage in which the next recovery
//! replaces the new file by the old one. `recovery` keeps that order.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dsnap_core::{Reason, text};
use dsnap_engine::storage;
use dsnap_engine::system::modes;

use crate::journal::{Transaction, list};
use crate::progress::Progress;
use crate::reasons::{at, unfinished, unfinished_at};

/// A file of the journal that no later transaction replaces.
pub(crate) struct NewestFile {
    path: PathBuf,
    /// Where it goes, below `A/`.
    place: PathBuf,
}

/// Moves every file below `b` to the same place below `a`, and leaves the empty folders. Returns
/// whether a file was moved.
pub(crate) fn empty_into(b: &Path, a: &Path, progress: &mut Progress<'_>) -> Result<bool, Reason> {
    let mut moved = false;
    for entry in list(b)? {
        let (from, to) = (entry.path(), a.join(entry.file_name()));
        if entry.file_type().map_err(|error| unfinished(at(&from, error)))?.is_dir() {
            make_folders(&to)?;
            moved |= empty_into(&from, &to, progress)?;
        } else {
            progress.next_file()?;
            move_file(&from, &to)?;
            moved = true;
        }
    }
    Ok(moved)
}

/// Removes the empty folders below `b`.
pub(crate) fn remove_folders_below(b: &Path) -> Result<(), Reason> {
    for entry in list(b)? {
        remove_folders_below(&entry.path())?;
        remove_emptied_folder(&entry.path())?;
    }
    Ok(())
}

/// Removes a folder and the `.mark` files of a packing server in it. Anything else in it came after
/// the survey, and stops the recovery: it must not be lost.
pub(crate) fn remove_emptied_folder(folder: &Path) -> Result<(), Reason> {
    let remove = || {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if storage::is_mark(&entry.file_name()) {
                fs::remove_file(entry.path())?;
            }
        }
        fs::remove_dir(folder)
    };
    remove().map_err(|error: io::Error| unfinished_at("cannot remove", folder, &error))
}

/// Removes the files that a later transaction replaces, and returns the others. The transactions
/// come oldest first.
pub(crate) fn remove_superseded(
    transactions: &[Transaction],
    progress: &mut Progress<'_>,
) -> Result<Vec<NewestFile>, Reason> {
    let mut newest: HashMap<&Path, PathBuf> = HashMap::new();
    for transaction in transactions {
        for (name, place) in &transaction.files {
            let file = transaction.folder.join(name);
            if let Some(older) = newest.insert(place, file) {
                progress.next_file()?;
                fs::remove_file(&older)
                    .map_err(|error| unfinished_at("cannot remove", &older, &error))?;
            }
        }
    }
    let newest = newest.into_iter();
    Ok(newest.map(|(place, path)| NewestFile { path, place: place.to_owned() }).collect())
}

/// Moves files from the journal to their places below `a`.
pub(crate) fn roll_forward(
    files: &[NewestFile],
    a: &Path,
    progress: &mut Progress<'_>,
) -> Result<(), Reason> {
    for file in files {
        progress.next_file()?;
        move_file(&file.path, &a.join(&file.place))?;
    }
    Ok(())
}

/// Moves a file, replaces the one at its destination, and makes missing folders above that.
fn move_file(from: &Path, to: &Path) -> Result<(), Reason> {
    let moved = match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            to.parent().map_or(Ok(()), make_folders)?;
            fs::rename(from, to)
        }
        moved => moved,
    };
    moved
        .map_err(|error| unfinished_at(&format!("cannot move {} to", text::path(from)), to, &error))
}

/// Makes a folder and the missing ones above it.
pub(crate) fn make_folders(folder: &Path) -> Result<(), Reason> {
    modes::make_folders(folder).map_err(|error| unfinished_at("cannot create", folder, &error))
}
