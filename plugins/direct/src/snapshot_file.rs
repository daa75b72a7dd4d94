//! Removing and writing `misc/snapshot`: the first and the last change of a recovery.
//!
//! Reading that file is deliberately elsewhere: in the engine's `storage::snapshot_file`.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use dsnap_core::Reason;
use dsnap_engine::storage::Storage;
use dsnap_engine::storage::durability::Durability;
use dsnap_engine::system::modes;

use crate::reasons::{at, unfinished_at};
use crate::sync;

/// Returns where `misc/snapshot` is written before it gets its name.
pub(crate) fn temporary_path(storage: &Storage) -> PathBuf {
    storage.misc().join("snapshot.dsnap")
}

/// Removes `misc/snapshot`, on disk. The folder is synced even if the file is already gone: an
/// earlier run may have removed it, and ended before that was on disk.
pub(crate) fn remove_snapshot_file(
    storage: &Storage,
    durability: Durability,
) -> Result<(), Reason> {
    let path = storage.snapshot();
    remove_if_present(&path)
        .map_err(|error| Reason::new(format!("cannot remove {}", at(&path, error))))?;
    sync::folder(durability, &storage.misc())
}

/// Writes `misc/snapshot` under another name and renames it, because the original takes an empty
/// file for a snapshot.
pub(crate) fn write_snapshot_file(storage: &Storage, durability: Durability) -> Result<(), Reason> {
    let (temporary, path) = (temporary_path(storage), storage.snapshot());
    write_durably(&temporary, durability)
        .and_then(|()| fs::rename(&temporary, &path))
        .map_err(|error| unfinished_at("cannot write", &path, &error))?;
    sync::folder(durability, &storage.misc())
}

fn write_durably(path: &Path, durability: Durability) -> io::Result<()> {
    remove_if_present(path)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(modes::FILE).open(path)?;
    modes::inherit_mode(&file, path, modes::FILE);
    file.write_all(b"shutdown")?;
    durability.file(&file)
}

/// Removes a file that may not exist.
fn remove_if_present(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
