//! Removing and writing `misc/snapshot`: the first and the last change of a recovery.
//!
//! Reading that file is deliberately elsewhere: in the engine's `storage::snapshot_file`.

use std::io::{self, Write};

use dsnap_core::Reason;
use dsnap_engine::storage::durability::Durability;
use dsnap_engine::storage::snapshot_file::{self, TEMPORARY};
use dsnap_engine::storage::{Folders, Storage};
use dsnap_engine::system::folder::Folder;

use crate::reasons::{at, unfinished_at};
use crate::sync;

/// Removes `misc/snapshot`, on disk. The folder is synced even if the file is already gone: an
/// earlier run may have removed it, and ended before that was on disk.
pub(crate) fn remove_snapshot_file(
    storage: &Storage,
    durability: Durability,
) -> Result<(), Reason> {
    let Folders { misc, .. } = storage.folders();
    remove_if_present(misc, snapshot_file::NAME).map_err(|error| {
        Reason::new(format!("cannot remove {}", at(&misc.path_of(snapshot_file::NAME), error)))
    })?;
    sync::folder(durability, misc)
}

/// Writes `misc/snapshot` under another name and renames it, because the original takes an empty
/// file for a snapshot.
pub(crate) fn write_snapshot_file(storage: &Storage, durability: Durability) -> Result<(), Reason> {
    let Folders { misc, .. } = storage.folders();
    write_durably(storage, durability)
        .and_then(|()| misc.rename(TEMPORARY, misc, snapshot_file::NAME))
        .map_err(|error| unfinished_at("cannot write", misc, snapshot_file::NAME, &error))?;
    sync::folder(durability, misc)
}

fn write_durably(storage: &Storage, durability: Durability) -> io::Result<()> {
    remove_if_present(&storage.folders().misc, TEMPORARY)?;
    let mut file = storage.create_in_misc(TEMPORARY)?;
    file.write_all(b"shutdown")?;
    durability.file(&file)
}

/// Removes a file that may not exist.
fn remove_if_present(folder: &Folder, name: &str) -> io::Result<()> {
    match folder.remove_file(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
