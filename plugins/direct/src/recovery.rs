//! The order in which a storage is rolled forward and closed.
//!
//! Never reordered without thought: each step may be the last one before a power cut, and then
//! the original's recovery, or ours, must reach the same end. `misc/snapshot` is away from the
//! first change on, and back only when all of it is on disk.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use dsnap_core::Reason;
use dsnap_core::method::Caller;
use dsnap_engine::storage::Storage;
use dsnap_engine::system::modes;

use crate::moving::{self, Progress};
use crate::survey::Survey;
use crate::sync;
use crate::{on, stuck_at};
use dsnap_engine::storage::durability::Durability;

/// The name under which `misc/snapshot` is written before it appears.
pub(crate) const UNFINISHED: &str = "snapshot.dsnap";

/// Rolls the storage forward and marks it as closed.
///
/// # Errors
///
/// Something failed, or `caller` wants to stop: then `misc/snapshot` is absent, nothing is lost,
/// and the next recovery goes on from there.
pub(crate) fn recover(survey: &Survey<'_>, caller: &dyn Caller) -> Result<(), Reason> {
    let storage = survey.storage;
    let durability = Durability::of(survey.settings);
    let progress = &mut Progress::new(caller);
    remove_mark(storage, durability)?;
    if let Some(replica) = &survey.replica {
        replica.unpack(storage, durability, progress)?;
    }
    let files = settle_older_files(survey, durability, progress)?;
    progress.expect(files.len());
    moving::roll_forward(&files, &storage.a(), progress)?;
    sync::file_system(durability, &storage.a())?;
    remove_transactions(survey, durability)?;
    write_mark(storage, durability)
}

/// Empties `B/` and removes what later transactions replace; one sync serves both. Returns the
/// files of the journal that are left, with their places.
fn settle_older_files(
    survey: &Survey<'_>,
    durability: Durability,
    progress: &mut Progress<'_>,
) -> Result<Vec<(PathBuf, PathBuf)>, Reason> {
    let (a, b) = (survey.storage.a(), survey.storage.b());
    let moved = moving::empty_into(&b, &a, progress)?;
    let files = moving::drop_superseded(&survey.done, progress)?;
    // Also if nothing was left to move or remove: an earlier run may have done it, and ended
    // before that was on disk.
    if moved || !files.is_empty() {
        // The survey made sure that whatever was moved or removed lay on the file system of
        // `A/`; an empty `B/` may lie elsewhere.
        sync::file_system(durability, &a)?;
    }
    moving::remove_folders_below(&b)?;
    Ok(files)
}

/// A mark that is gone may be so in memory only: an earlier run may have removed it, and ended
/// before that was on disk. So the folder is synced in any case.
fn remove_mark(storage: &Storage, durability: Durability) -> Result<(), Reason> {
    let path = storage.snapshot();
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Reason::new(format!("removing {}", on(&path, error))));
        }
        _ => {}
    }
    sync::folder(durability, &storage.misc())
}

/// The folders of the journal go when every file in them has arrived, on disk.
fn remove_transactions(survey: &Survey<'_>, durability: Durability) -> Result<(), Reason> {
    for transaction in &survey.done {
        moving::remove_emptied(&transaction.folder)?;
    }
    for folder in &survey.temp {
        fs::remove_dir_all(folder).map_err(|error| stuck_at("removing", folder, &error))?;
    }
    sync::folder(durability, &survey.storage.b())?;
    sync::folder(durability, &survey.storage.journal())
}

/// Writes `misc/snapshot`, whole or not at all: with the original an empty one passes for a
/// snapshot.
fn write_mark(storage: &Storage, durability: Durability) -> Result<(), Reason> {
    let unfinished = storage.misc().join(UNFINISHED);
    let written = (|| {
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(modes::FILE).open(&unfinished)?;
        modes::inherit_mode(&file, &unfinished, modes::FILE);
        file.write_all(b"shutdown")?;
        durability.file(&file)?;
        fs::rename(&unfinished, storage.snapshot())
    })();
    written.map_err(|error| stuck_at("writing", &storage.snapshot(), &error))?;
    sync::folder(durability, &storage.misc())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::sync::recorded;
    use crate::testing::{self, Patient, TIDS};

    fn syncs_of_a_recovery(storage: &Storage) -> Vec<String> {
        let survey = Survey::take(storage).unwrap();
        let (recovered, syncs) = recorded(|| recover(&survey, &Patient));
        recovered.unwrap();
        let name = |path: &Path| path.strip_prefix(storage.root()).unwrap().display().to_string();
        syncs.iter().map(|(what, path)| format!("{what} {}", name(path))).collect()
    }

    #[test]
    fn that_the_mark_is_gone_is_on_disk_before_anything_else_even_if_it_was_gone() {
        let (_folder, storage) = testing::storage();
        testing::commit(&storage, TIDS[0], "x.oid");
        let syncs = syncs_of_a_recovery(&storage);
        assert_eq!(syncs[..2], ["folder misc", "file system A"]);
        assert_eq!(syncs.last().unwrap(), "folder misc");
    }

    #[test]
    fn older_files_are_gone_on_the_disk_of_a_before_newer_ones_come() {
        let (_folder, storage) = testing::storage();
        testing::commit(&storage, TIDS[0], "x.oid");
        testing::commit(&storage, TIDS[1], "x.oid");
        let syncs = syncs_of_a_recovery(&storage);
        assert_eq!(
            syncs,
            [
                "folder misc",
                "file system A",
                "file system A",
                "folder B",
                "folder journal",
                "folder misc"
            ]
        );
        assert_eq!(fs::read_to_string(storage.a().join("x.oid")).unwrap(), TIDS[1]);
    }
}
