//! The order in which a storage is recovered and closed.
//!
//! Think before you reorder anything: each step may be the last one before a power cut, and then
//! the next recovery, the original's or ours, must reach the same end state. `misc/snapshot` is
//! absent from the first change on, and comes back only when all changes are on disk.

use dsnap_core::Reason;
use dsnap_core::method::Caller;
use dsnap_engine::limits::MAX_BATCH_FILES;
use dsnap_engine::storage::Folders;
use dsnap_engine::storage::durability::Durability;

use crate::batch::Batches;
use crate::journal::Transactions;
use crate::listing::KeepGoing;
use crate::moving;
use crate::progress::Progress;
use crate::snapshot_file::{remove_snapshot_file, write_snapshot_file};
use crate::survey::Survey;
use crate::{reasons, sync, unpack};

/// Rolls the storage forward and closes it.
///
/// # Errors
///
/// A step failed, or `caller` wants to stop. Nothing is lost. `misc/snapshot` is absent, unless the
/// very first step failed, and the next recovery continues from there.
pub(crate) fn recover(survey: Survey<'_>, caller: &dyn Caller) -> Result<(), Reason> {
    recover_in_batches(survey, MAX_BATCH_FILES, caller)
}

/// Does the same, moving at most `batch_files` files of the journal between two syncs.
fn recover_in_batches(
    mut survey: Survey<'_>,
    batch_files: usize,
    caller: &dyn Caller,
) -> Result<(), Reason> {
    let (storage, durability) = (survey.storage, Durability::of(survey.settings));
    remove_snapshot_file(storage, durability)?;
    move_all(&mut survey, batch_files, caller)
        .and_then(|()| write_snapshot_file(storage, durability))
        .map_err(reasons::of_recovery)
}

/// Moves everything into `A/`, and removes what is empty then.
fn move_all(
    survey: &mut Survey<'_>,
    batch_files: usize,
    caller: &dyn Caller,
) -> Result<(), Reason> {
    let (storage, durability) = (survey.storage, Durability::of(survey.settings));
    let Folders { a, b, journal, .. } = storage.folders();
    let progress = &Progress::new(caller, survey.files());
    let keep_going = || progress.keep_going();
    if let Some(replica) = &survey.replica {
        unpack::unpack(replica, storage, durability, progress)?;
    }
    moving::empty_into(b, a, progress)?;
    let known = survey.journal.files.take().filter(|batch| batch.len() <= batch_files);
    let transactions = Transactions { journal, names: &survey.journal.committed };
    let mut batches = Batches::of(transactions, survey.settings, known, batch_files);
    while let Some(batch) = batches.next_batch(&keep_going)? {
        moving::remove_superseded(&batch, transactions, progress)?;
        // Puts on disk that `B/`, the journal and the batches before have no older file of these
        // names. This is needed even if they had none: an earlier run may have moved or removed
        // it, and ended before that was on disk.
        sync::file_system(durability, a)?;
        moving::roll_forward(&batch, transactions, a, progress)?;
    }
    // The sync may take long, so progress is shown first. No folder may be removed before its files are in
    // `A/` on disk.
    progress.report();
    sync::file_system(durability, a)?;
    remove_folders(survey, durability, &keep_going)
}

/// Removes the folders that are empty now, and the transactions that were never committed.
fn remove_folders(
    survey: &Survey<'_>,
    durability: Durability,
    keep_going: KeepGoing<'_>,
) -> Result<(), Reason> {
    let Folders { b, journal, .. } = survey.storage.folders();
    moving::remove_folders_below(b, keep_going)?;
    for transaction in survey.journal.committed.iter() {
        keep_going()?;
        moving::remove_emptied_folder(journal, transaction, keep_going)?;
    }
    for transaction in survey.journal.uncommitted.iter() {
        moving::remove_tree(journal, transaction, keep_going)?;
    }
    sync::folder(durability, b)?;
    sync::folder(durability, journal)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::{BTreeMap, BTreeSet};
    use std::ffi::OsString;
    use std::fs;
    use std::path::Path;

    use dsnap_engine::limits::MIN_SHARED;
    use dsnap_engine::storage::Storage;

    use dsnap_core::method::Message;

    use super::*;
    use crate::sync::{recorded, recorded_so_far};
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
        recover(survey, &watching).unwrap();
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
        let (recovered, syncs) = recorded(|| recover(survey, &NeverStops));
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
        let mut expected = vec!["folder misc"];
        expected.extend(["file system A"; 2]);
        expected.extend(["folder B", "folder journal", "folder misc"]);
        assert_eq!(syncs_of_a_recovery(&storage), expected);
        assert_eq!(fs::read_to_string(storage.a().join("x.oid")).unwrap(), TIDS[1]);
    }

    #[test]
    fn an_empty_journal_needs_one_sync_of_a() {
        let (_folder, storage) = testing::storage();
        fs::write(storage.b().join("x.oid"), "").unwrap();
        let syncs = syncs_of_a_recovery(&storage);
        assert_eq!(syncs.iter().filter(|it| *it == "file system A").count(), 1);
        assert!(storage.a().join("x.oid").exists());
    }

    #[test]
    fn no_folder_is_left_in_b_and_in_the_journal() {
        let (_folder, storage) = testing::storage();
        testing::commit(&storage, TIDS[0], "x.oid");
        for folder in ["B/o0/12", "journal/working_040D31C8F3CE2ECD_temp/folder"] {
            fs::create_dir_all(storage.root().join(folder)).unwrap();
            fs::write(storage.root().join(folder).join("y.oid"), "").unwrap();
        }
        recover(Survey::take(&storage, &NeverStops).unwrap(), &NeverStops).unwrap();
        for folder in [storage.b(), storage.journal()] {
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "{}", folder.display());
        }
        assert!(storage.a().join("o0/12/y.oid").exists());
    }

    /// Commits three transactions: all write `x.oid`, the second and the third `y`, each one of its own.
    fn commit_three(storage: &Storage) {
        for (at, names) in [&["x.oid", "o1"][..], &["x.oid", "y", "o2"], &["x.oid", "y", "o3"]]
            .into_iter()
            .enumerate()
        {
            testing::commit_files(storage, &format!("040D31C8F3CE2EC{at}"), names);
        }
    }

    #[track_caller]
    fn assert_recovered(storage: &Storage) {
        let names = ["x.oid", "y", "o1", "o2", "o3"];
        let found = names.map(|name| fs::read_to_string(storage.a().join(name)).unwrap());
        let last = found.map(|tid| tid.chars().last().unwrap());
        assert_eq!(last, ['2', '2', '0', '1', '2']);
        assert_eq!(fs::read_dir(storage.journal()).unwrap().count(), 0);
        assert_eq!(fs::read_to_string(storage.snapshot()).unwrap(), "shutdown");
    }

    type Contents = BTreeMap<OsString, Vec<u8>>;

    /// Notes at each question how many syncs were made, and what `A/` contains. A recovery asks before
    /// each file, so no move is missed.
    struct Witness<'a> {
        storage: &'a Storage,
        seen: RefCell<Vec<(usize, Contents)>>,
    }

    impl Caller for Witness<'_> {
        fn say(&self, _message: Message<'_>) {}

        fn should_stop(&self) -> bool {
            let entries = fs::read_dir(self.storage.a()).unwrap().map(Result::unwrap);
            let contents = entries.map(|it| (it.file_name(), fs::read(it.path()).unwrap()));
            self.seen.borrow_mut().push((recorded_so_far(), contents.collect()));
            false
        }
    }

    /// Returns each file that reached `A/`, with the number of syncs before that.
    fn moves(seen: &[(usize, Contents)]) -> Vec<(usize, &OsString)> {
        let mut moves = Vec::new();
        for pair in seen.windows(2) {
            let ((syncs, before), (_, after)) = (&pair[0], &pair[1]);
            let changed =
                after.iter().filter(|(name, content)| before.get(*name) != Some(*content));
            moves.extend(changed.map(|(name, _)| (*syncs, name)));
        }
        moves
    }

    #[test]
    fn each_batch_of_the_journal_is_synced_before_the_next_one_reaches_a() {
        for files in [100, 8, 5, 3, 2, 1] {
            let (_folder, storage) = testing::storage();
            commit_three(&storage);
            let survey = Survey::take(&storage, &NeverStops).unwrap();
            let witness = Witness { storage: &storage, seen: RefCell::default() };
            recorded(|| recover_in_batches(survey, files, &witness)).0.unwrap();
            assert_recovered(&storage);
            let seen = witness.seen.into_inner();
            let moves = moves(&seen);
            assert!(moves.len() >= 5, "each of the five names reaches A: {moves:?}");
            for at in moves.iter().map(|(syncs, _)| *syncs).collect::<BTreeSet<_>>() {
                let names = moves.iter().filter(|(syncs, _)| *syncs == at).map(|(_, name)| *name);
                let names: Vec<_> = names.collect();
                let different: BTreeSet<_> = names.iter().collect();
                assert!(names.len() <= files, "more than {files} between two syncs: {names:?}");
                assert_eq!(different.len(), names.len(), "old and new without a sync: {names:?}");
            }
        }
    }

    #[test]
    fn a_recovery_in_batches_that_was_stopped_anywhere_loses_nothing() {
        for files in [1, 2, 3, 5] {
            let mut stops = 0;
            while stopped_after(stops, files) {
                stops += 1;
            }
            assert!(stops > 10, "it was stopped {stops} times");
        }
    }

    #[test]
    fn a_recovery_that_ended_after_any_of_its_removals_loses_nothing() {
        let superseded = [(0, "x.oid"), (1, "x.oid"), (1, "y")];
        for removed in 0..1 << superseded.len() {
            let (_folder, storage) = testing::storage();
            commit_three(&storage);
            for (at, (transaction, name)) in superseded.iter().enumerate() {
                if removed >> at & 1 == 1 {
                    let folder = format!("working_040D31C8F3CE2EC{transaction}_done");
                    fs::remove_file(storage.journal().join(folder).join(name)).unwrap();
                }
            }
            recover(Survey::take(&storage, &NeverStops).unwrap(), &NeverStops).unwrap();
            assert_recovered(&storage);
        }
    }

    /// More transactions than one thread works on.
    const MANY: usize = 2 * MIN_SHARED;

    /// Commits many transactions: all write `x.oid`, and each a file of its own.
    fn commit_many(storage: &Storage) {
        for number in 0..MANY {
            testing::commit_files(storage, &tid(number), &["x.oid", &number.to_string()]);
        }
    }

    fn tid(number: usize) -> String {
        format!("040D31C8F3CE{number:04X}")
    }

    #[test]
    fn threads_that_share_a_journal_recover_all_of_it() {
        let (_folder, storage) = testing::storage();
        commit_many(&storage);
        let files = u64::try_from(2 * MANY).unwrap();
        assert_eq!(last_progress(&storage), Some((files, Some(files))));
        let content = |name: &str| fs::read_to_string(storage.a().join(name)).unwrap();
        assert_eq!(content("x.oid"), tid(MANY - 1));
        assert!((0..MANY).all(|number| content(&number.to_string()) == tid(number)));
        assert_eq!(fs::read_dir(storage.journal()).unwrap().count(), 0);
    }

    #[test]
    fn of_several_problems_in_a_journal_the_one_of_the_oldest_transaction_is_told() {
        let (_folder, storage) = testing::storage();
        commit_many(&storage);
        let strange = |number| format!("working_{}_done/strange", tid(number));
        for number in (100..MANY).step_by(3) {
            fs::create_dir(storage.journal().join(strange(number))).unwrap();
        }
        let reason = Survey::take(&storage, &NeverStops).unwrap_err();
        assert!(reason.text().contains(&strange(100)), "{reason}");
    }

    /// Stops a recovery after so many questions, finishes it, and says whether it was stopped.
    fn stopped_after(questions: u32, files: usize) -> bool {
        let (_folder, storage) = testing::storage();
        commit_three(&storage);
        let survey = Survey::take(&storage, &NeverStops).unwrap();
        let stopped = recover_in_batches(survey, files, &StopsAfter(Cell::new(questions))).is_err();
        if stopped {
            assert!(!storage.snapshot().exists(), "half a recovery passes for a snapshot");
            recover(Survey::take(&storage, &NeverStops).unwrap(), &NeverStops).unwrap();
        }
        assert_recovered(&storage);
        stopped
    }

    /// Wants to stop after so many questions.
    struct StopsAfter(Cell<u32>);

    impl Caller for StopsAfter {
        fn say(&self, _message: Message<'_>) {}

        fn should_stop(&self) -> bool {
            let left = self.0.get();
            self.0.set(left.saturating_sub(1));
            left == 0
        }
    }

    #[test]
    fn an_entry_added_to_the_journal_after_the_survey_stops_the_recovery_and_is_kept() {
        let (_folder, storage) = testing::storage();
        commit_three(&storage);
        let survey = Survey::take(&storage, &NeverStops).unwrap();
        let strange = storage.journal().join("working_040D31C8F3CE2EC2_done/folder");
        fs::create_dir(&strange).unwrap();
        let reason = recover_in_batches(survey, 3, &NeverStops).unwrap_err();
        assert!(
            reason.text().contains("does not belong in a journal; nothing is lost"),
            "{reason}"
        );
        assert!(strange.exists() && !storage.snapshot().exists());
    }
}
