//! The order in which a storage is recovered and closed.
//!
//! Think before you reorder anything: each step may be the last one before a power cut, and then
//! the next recovery, the original's or ours, must reach the same end state. `misc/snapshot` is
//! absent from the first change on, and comes back only when all changes are on disk.

use dsnap_core::Reason;
use dsnap_core::method::Caller;
use dsnap_engine::storage::Folders;
use dsnap_engine::storage::durability::Durability;

use crate::moving::{self, NewestFiles};
use crate::progress::Progress;
use crate::snapshot_file::{remove_snapshot_file, write_snapshot_file};
use crate::survey::Survey;
use crate::{sync, unpack};

/// Rolls the storage forward and closes it.
///
/// # Errors
///
/// A step failed, or `caller` wants to stop. Nothing is lost. `misc/snapshot` is absent, unless the
/// very first step failed, and the next recovery continues from there.
pub(crate) fn recover(survey: &Survey<'_>, caller: &dyn Caller) -> Result<(), Reason> {
    let storage = survey.storage;
    let durability = Durability::of(survey.settings);
    let progress = &mut Progress::new(caller, survey.files());
    remove_snapshot_file(storage, durability)?;
    if let Some(replica) = &survey.replica {
        unpack::unpack(replica, storage, durability, progress)?;
    }
    let Folders { a, journal, .. } = storage.folders();
    let files = clear_older_files(survey, durability, progress)?;
    moving::roll_forward(&files, journal, a, progress)?;
    // The disk may take long now.
    progress.report();
    sync::file_system(durability, a)?;
    remove_transactions(survey, durability, progress)?;
    write_snapshot_file(storage, durability)
}

/// Empties `B/`, removes the files that later transactions replace, and puts both on disk by one
/// sync. Returns the files that remain in the journal.
fn clear_older_files<'a>(
    survey: &'a Survey<'_>,
    durability: Durability,
    progress: &mut Progress<'_>,
) -> Result<NewestFiles<'a>, Reason> {
    let Folders { a, b, journal, .. } = survey.storage.folders();
    let moved = moving::empty_into(b, a, progress)?;
    let files = moving::remove_superseded(journal, &survey.committed, progress)?;
    // This is needed even if nothing was left to move or remove: an earlier run may have done it,
    // and ended before that was on disk.
    if moved || files.len() > 0 {
        // The survey made sure that the moved and removed files were on the file system of `A/`.
        // Only an empty `B/` may be on another one.
        sync::file_system(durability, a)?;
    }
    moving::remove_folders_below(b, &progress.keep_going())?;
    Ok(files)
}

/// Removes the folders of the journal. Every committed file in them has reached `A/`, on disk.
fn remove_transactions(
    survey: &Survey<'_>,
    durability: Durability,
    progress: &Progress<'_>,
) -> Result<(), Reason> {
    let Folders { b, journal, .. } = survey.storage.folders();
    let keep_going = progress.keep_going();
    for transaction in &survey.committed {
        keep_going()?;
        moving::remove_emptied_folder(journal, &transaction.name, &keep_going)?;
    }
    for name in &survey.uncommitted {
        moving::remove_tree(journal, name, &keep_going)?;
    }
    sync::folder(durability, b)?;
    sync::folder(durability, journal)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fs;
    use std::path::Path;

    use dsnap_engine::storage::Storage;

    use dsnap_core::method::Message;

    use super::*;
    use crate::sync::recorded;
    use crate::testing::{self, NeverStops, TIDS};

    /// Keeps the last progress.
    #[derive(Default)]
    struct Watching(Cell<Option<(u64, Option<u64>)>>);

    impl Caller for Watching {
        fn say(&self, message: Message<'_>) {
            if let Message::Progress { done, of, .. } = message {
                self.0.set(Some((done, of)));
            }
        }

        fn should_stop(&self) -> bool {
            false
        }
    }

    fn last_progress(storage: &Storage) -> Option<(u64, Option<u64>)> {
        let (survey, watching) = (Survey::take(storage, &NeverStops).unwrap(), Watching::default());
        let counted = survey.files();
        recover(&survey, &watching).unwrap();
        assert_eq!(watching.0.get().map(|(done, _)| done), Some(counted));
        watching.0.get()
    }

    #[test]
    fn the_files_of_a_recovery_are_counted_before_the_first_is_touched() {
        let (_folder, storage) = testing::storage();
        fs::create_dir(storage.root().join("B/o0")).unwrap();
        fs::write(storage.root().join("B/o0/b.oid"), "").unwrap();
        // The older one is removed, the newer one is moved.
        testing::commit(&storage, TIDS[0], "x.oid");
        testing::commit(&storage, TIDS[1], "x.oid");
        assert_eq!(last_progress(&storage), Some((3, Some(3))));
        let (_folder, storage) = testing::storage();
        testing::replicate(&storage, &["A/x.oid", "A/y.oid"]);
        assert_eq!(last_progress(&storage), Some((2, Some(2))));
    }

    fn syncs_of_a_recovery(storage: &Storage) -> Vec<String> {
        let survey = Survey::take(storage, &NeverStops).unwrap();
        let (recovered, syncs) = recorded(|| recover(&survey, &NeverStops));
        recovered.unwrap();
        let name = |path: &Path| path.strip_prefix(storage.root()).unwrap().display().to_string();
        syncs.iter().map(|(what, path)| format!("{what} {}", name(path))).collect()
    }

    #[test]
    fn the_removal_of_misc_snapshot_is_synced_first_even_if_it_was_already_gone() {
        let (_folder, storage) = testing::storage();
        testing::commit(&storage, TIDS[0], "x.oid");
        let syncs = syncs_of_a_recovery(&storage);
        assert_eq!(syncs[..2], ["folder misc", "file system A"]);
        assert_eq!(syncs.last().unwrap(), "folder misc");
    }

    #[test]
    fn removed_older_files_are_synced_before_newer_ones_reach_a() {
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
