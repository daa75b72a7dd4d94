//! Moving files into `A/`: from `B/`, then from the journal.
//!
//! Everything in `B/` is older than everything in the journal. Within the journal, a later
//! transaction replaces files of an earlier one. A newer file may reach `A/` only when every older
//! file of its name is gone, on disk. Otherwise a crash leaves a storage in which the next recovery
//! replaces the new file by the old one. `recovery` keeps that order.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::path::Path;

use dsnap_core::{Reason, text};
use dsnap_engine::storage;
use dsnap_engine::system::folder::{Folder, Listed};

use crate::destination::Destination;
use crate::journal::{KeepGoing, Transaction, list, list_all};
use crate::progress::Progress;
use crate::reasons::unfinished_at;

/// The files of the journal that no later transaction replaces.
pub(crate) struct NewestFiles<'a> {
    transactions: &'a [Transaction],
    /// By its place below `A/`, the number of the transaction from which a file comes.
    newest: HashMap<&'a Path, usize>,
}

impl<'a> NewestFiles<'a> {
    /// Chooses the files. The transactions come oldest first.
    fn of(transactions: &'a [Transaction]) -> Self {
        let mut newest = HashMap::new();
        for (number, transaction) in transactions.iter().enumerate() {
            newest.extend(transaction.files.iter().map(|(place, _)| (place.as_path(), number)));
        }
        Self { transactions, newest }
    }

    /// Returns how many there are.
    pub(crate) fn len(&self) -> usize {
        self.newest.len()
    }

    /// Returns each transaction with those of its files that are the newest, or that are not.
    fn by_transaction(
        &self,
        newest: bool,
    ) -> impl Iterator<Item = (&'a OsStr, Vec<(&'a Path, &'a OsStr)>)> {
        self.transactions.iter().enumerate().map(move |(number, transaction)| {
            let files = transaction.files.iter();
            let chosen = files
                .filter(|(place, _)| (self.newest.get(place.as_path()) == Some(&number)) == newest)
                .map(|(place, name)| (place.as_path(), name.as_os_str()));
            (transaction.name.as_os_str(), chosen.collect())
        })
    }
}

/// Moves every file below `b` to the same place below `a`, and leaves the empty folders. Returns
/// whether a file was moved.
pub(crate) fn empty_into(
    b: &Folder,
    a: &Folder,
    progress: &mut Progress<'_>,
) -> Result<bool, Reason> {
    let mut moved = false;
    for Listed { name, is_folder } in list(b, &progress.keep_going())? {
        if is_folder {
            let below = open(b, &name)?;
            let counterpart = a
                .make_folders(&name)
                .map_err(|error| unfinished_at("cannot create", a, &name, &error))?;
            moved |= empty_into(&below, &counterpart, progress)?;
        } else {
            progress.next_file()?;
            move_file(b, &name, a, &name)?;
            moved = true;
        }
    }
    Ok(moved)
}

/// Removes the empty folders below `b`.
pub(crate) fn remove_folders_below(b: &Folder, keep_going: KeepGoing<'_>) -> Result<(), Reason> {
    for Listed { name, .. } in list(b, keep_going)? {
        if b.remove_folder(&name).is_err() {
            remove_folders_below(&open(b, &name)?, keep_going)?;
            remove_emptied_folder(b, &name, keep_going)?;
        }
    }
    Ok(())
}

/// Removes a folder and the `.mark` files of a packing server in it. Anything else in it came after
/// the survey, and stops the recovery: it must not be lost.
pub(crate) fn remove_emptied_folder(
    parent: &Folder,
    name: &OsStr,
    keep_going: KeepGoing<'_>,
) -> Result<(), Reason> {
    if parent.remove_folder(name).is_ok() {
        return Ok(());
    }
    let failed = |error: io::Error| unfinished_at("cannot remove", parent, name, &error);
    let folder = open(parent, name)?;
    for Listed { name, .. } in list_all(&folder, keep_going)? {
        if storage::is_mark(&name) {
            folder.remove_file(&name).map_err(failed)?;
        }
    }
    parent.remove_folder(name).map_err(failed)
}

/// Removes a folder with everything in it.
pub(crate) fn remove_tree(
    parent: &Folder,
    name: &OsStr,
    keep_going: KeepGoing<'_>,
) -> Result<(), Reason> {
    let folder = open(parent, name)?;
    for Listed { name, is_folder } in list_all(&folder, keep_going)? {
        keep_going()?;
        if is_folder {
            remove_tree(&folder, &name, keep_going)?;
        } else {
            folder
                .remove_file(&name)
                .map_err(|error| unfinished_at("cannot remove", &folder, &name, &error))?;
        }
    }
    parent.remove_folder(name).map_err(|error| unfinished_at("cannot remove", parent, name, &error))
}

/// Removes the files that a later transaction replaces, and returns the others. The transactions
/// come oldest first.
pub(crate) fn remove_superseded<'a>(
    journal: &Folder,
    transactions: &'a [Transaction],
    progress: &mut Progress<'_>,
) -> Result<NewestFiles<'a>, Reason> {
    let files = NewestFiles::of(transactions);
    for (transaction, older) in files.by_transaction(false).filter(|(_, older)| !older.is_empty()) {
        let folder = open(journal, transaction)?;
        for (_, name) in older {
            progress.next_file()?;
            folder
                .remove_file(name)
                .map_err(|error| unfinished_at("cannot remove", &folder, name, &error))?;
        }
    }
    Ok(files)
}

/// Moves files from the journal to their places below `a`.
pub(crate) fn roll_forward(
    files: &NewestFiles<'_>,
    journal: &Folder,
    a: &Folder,
    progress: &mut Progress<'_>,
) -> Result<(), Reason> {
    let mut destination = Destination::default();
    for (transaction, newest) in files.by_transaction(true).filter(|(_, newest)| !newest.is_empty())
    {
        let folder = open(journal, transaction)?;
        for (place, name) in newest {
            progress.next_file()?;
            let (to, new_name) = destination.of(a, place)?;
            move_file(&folder, name, to, new_name)?;
        }
    }
    Ok(())
}

/// Moves a file, and replaces the one at its destination.
fn move_file(from: &Folder, name: &OsStr, to: &Folder, new_name: &OsStr) -> Result<(), Reason> {
    from.rename(name, to, new_name).map_err(|error| {
        let action = format!("cannot move {} to", text::path(from.path_of(name)));
        unfinished_at(&action, to, new_name, &error)
    })
}

fn open(parent: &Folder, name: &OsStr) -> Result<Folder, Reason> {
    parent.folder(name).map_err(|error| unfinished_at("cannot open", parent, name, &error))
}
