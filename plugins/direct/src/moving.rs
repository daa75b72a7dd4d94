//! Moving files into `A/`: from `B/`, then from the journal.
//!
//! Everything in `B/` is older than everything in the journal. Within the journal, a later
//! transaction replaces files of an earlier one. A newer file may reach `A/` only after the removal
//! of every older file of its name is on disk. Otherwise, after a crash, the next recovery may replace the
//! new file with the old one. `recovery` keeps that order.

use std::ffi::OsStr;
use std::io;

use dsnap_core::{Reason, text};
use dsnap_engine::storage;
use dsnap_engine::system::folder::{Folder, Listed};

use crate::batch::Batch;
use crate::destination::{Destination, make_folders};
use crate::journal::{Transactions, open};
use crate::listing::{KeepGoing, entries, entries_without_marks, until_done};
use crate::progress::Progress;
use crate::reasons::unfinished_at;
use crate::workers::share;

/// Moves every file below `b` to the same place below `a`, and leaves the empty folders. Returns
/// whether a file was moved.
pub(crate) fn empty_into(b: &Folder, a: &Folder, progress: &Progress<'_>) -> Result<bool, Reason> {
    let (keep_going, mut moved) = (|| progress.keep_going(), false);
    until_done(
        || entries_without_marks(b, &keep_going),
        |piece| {
            let moved_now = move_all(piece, b, a, progress)?;
            moved |= moved_now;
            Ok(moved_now)
        },
    )?;
    Ok(moved)
}

fn move_all(
    entries: Vec<Listed>,
    b: &Folder,
    a: &Folder,
    progress: &Progress<'_>,
) -> Result<bool, Reason> {
    let mut moved = false;
    for Listed { name, is_folder } in entries {
        if is_folder {
            let counterpart = make_folders(a, name.as_ref())?;
            moved |= empty_into(&open(b, &name)?, &counterpart, progress)?;
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
    until_done(
        || entries_without_marks(b, keep_going),
        |piece| {
            for Listed { name, .. } in &piece {
                if b.remove_folder(name).is_err() {
                    remove_folders_below(&open(b, name)?, keep_going)?;
                    remove_emptied_folder(b, name, keep_going)?;
                }
            }
            Ok(!piece.is_empty())
        },
    )
}

/// Removes a folder and the `.mark` files of a packing server in it. Any other entry appeared
/// after the survey. It stops the recovery, because it must not be lost.
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
    until_done(
        || entries(&folder, keep_going),
        |piece| {
            let mut marks = piece.iter().filter(|entry| storage::is_mark(&entry.name)).peekable();
            let has_marks = marks.peek().is_some();
            marks.try_for_each(|mark| folder.remove_file(&mark.name)).map_err(failed)?;
            Ok(has_marks)
        },
    )?;
    parent.remove_folder(name).map_err(failed)
}

/// Removes a folder with everything in it.
pub(crate) fn remove_tree(
    parent: &Folder,
    name: &OsStr,
    keep_going: KeepGoing<'_>,
) -> Result<(), Reason> {
    let folder = open(parent, name)?;
    until_done(
        || entries(&folder, keep_going),
        |piece| {
            for Listed { name, is_folder } in &piece {
                keep_going()?;
                if *is_folder {
                    remove_tree(&folder, name, keep_going)?;
                } else {
                    remove_file(&folder, name)?;
                }
            }
            Ok(!piece.is_empty())
        },
    )?;
    parent.remove_folder(name).map_err(|error| unfinished_at("cannot remove", parent, name, &error))
}

/// Removes the files that a later transaction of the batch replaces. Nothing depends on the order of
/// these removals, so several threads may share them.
pub(crate) fn remove_superseded(
    batch: &Batch,
    folders: Transactions<'_>,
    progress: &Progress<'_>,
) -> Result<(), Reason> {
    let (superseded, count): (Vec<_>, _) = (batch.files(true).collect(), progress.counter());
    let remove = |(): &mut (), at: usize, keep_going: KeepGoing<'_>| {
        let (transaction, older) = &superseded[at];
        let folder = folders.open(*transaction)?;
        for file in older.clone() {
            keep_going()?;
            count();
            remove_file(&folder, &file.name)?;
        }
        Ok(())
    };
    share(superseded.len(), &|| progress.keep_going(), || (), remove)?;
    Ok(())
}

/// Moves the other files of the batch to their places below `a`.
pub(crate) fn roll_forward(
    batch: &Batch,
    folders: Transactions<'_>,
    a: &Folder,
    progress: &Progress<'_>,
) -> Result<(), Reason> {
    let mut destination = Destination::default();
    for (transaction, newest) in batch.files(false) {
        let folder = folders.open(transaction)?;
        for file in newest {
            progress.next_file()?;
            let (to, new_name) = destination.of(a, &file.place, file.folder_is_missing)?;
            move_file(&folder, &file.name, &to, new_name)?;
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

fn remove_file(folder: &Folder, name: &OsStr) -> Result<(), Reason> {
    folder.remove_file(name).map_err(|error| unfinished_at("cannot remove", folder, name, &error))
}
