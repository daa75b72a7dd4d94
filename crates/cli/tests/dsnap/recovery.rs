//! Recovery by `direct`: from every state of a storage, and stopped between any two files.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use dsnap_core::method::{Caller, Entered, Message, SnapshotMethod};
use dsnap_direct::Direct;
use dsnap_testkit::{Class, Fixture, Format, State, tree::Tree};

use crate::support::{
    DIRECT, Dsnap, MEMORY, assert_like_the_replica, fixture_builder, folder, in_parallel, picture,
    request, root, storage, write_replica_with_folders,
};

/// Every state of a storage in one format, and what `direct` makes of it.
fn holds_exactly_what_was_committed(format: Format) {
    for class in Class::ALL {
        for state in State::ALL {
            let fixture = fixture_builder().format(format).class(class).state(state);
            let fixture = fixture.build().unwrap();
            let copy = fixture.path().join("copy");
            let dsnap = Dsnap::on(&fixture).args(["cp", "-a"]);
            dsnap.arg(fixture.storage().a()).arg(&copy).run().says(0, DIRECT);
            fixture.ledger().verify(&copy).assert_holds();
            assert_closed(&fixture);
        }
    }
}

#[test]
fn a_copy_in_every_format_contains_exactly_what_was_committed() {
    in_parallel(Format::ALL, holds_exactly_what_was_committed);
}

#[track_caller]
fn assert_closed(fixture: &Fixture) {
    let storage = fixture.storage();
    assert_eq!(fs::read_to_string(storage.snapshot()).unwrap(), "shutdown");
    for folder in [storage.b(), storage.journal()] {
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "{} is not empty", folder.display());
    }
}

#[test]
fn on_a_clean_storage_nothing_is_written() {
    let fixture = storage(State::Clean);
    Dsnap::on(&fixture).arg("true").run().says(0, DIRECT);
    let before = picture(fixture.path());
    Dsnap::on(&fixture).arg("true").run().says(0, DIRECT);
    let after = picture(fixture.path());
    assert_eq!(before.difference(&after), None);
}

#[test]
fn mark_files_of_a_packing_server_vanish_with_their_folders() {
    let fixture = storage(State::Crashed);
    let journal = fixture.storage().journal();
    let done = fs::read_dir(&journal)
        .unwrap()
        .flatten()
        .find(|entry| entry.file_name().to_string_lossy().ends_with("_done"));
    fs::write(done.unwrap().path().join("x.oid.mark"), "").unwrap();
    Dsnap::on(&fixture).arg("true").run().says(0, DIRECT);
    fixture.ledger().verify(&fixture.storage().a()).assert_holds();
    assert_closed(&fixture);
}

#[test]
fn the_replica_archive_is_kept_in_misc() {
    let fixture = storage(State::Replica);
    let archive = fs::read(fixture.storage().journal().join("replica.tar")).unwrap();
    Dsnap::on(&fixture).arg("true").run().says(0, DIRECT);
    assert_eq!(fs::read(fixture.storage().misc().join("replica.previous")).unwrap(), archive);
}

#[test]
fn times_and_modes_of_moved_files_are_kept() {
    let fixture = storage(State::InSnapshot);
    let picture = |folder: &std::path::Path| {
        let mut files = Vec::new();
        collect(folder, &mut files);
        files
    };
    let (in_b, in_journal) =
        (picture(&fixture.storage().b()), picture(&fixture.storage().journal()));
    assert!(!in_b.is_empty() && !in_journal.is_empty());
    Dsnap::on(&fixture).arg("true").run().says(0, DIRECT);
    let in_a = picture(&fixture.storage().a());
    let arrived = in_b.iter().filter(|file| in_a.contains(file)).count();
    assert!(arrived > 0, "what nothing newer replaced keeps inode, time and mode");
    assert!(in_journal.iter().any(|file| in_a.contains(file)));
}

fn collect(folder: &std::path::Path, files: &mut Vec<(u64, i64, i64, u32)>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let found = entry.metadata().unwrap();
        if found.is_dir() {
            collect(&entry.path(), files);
        } else {
            files.push((found.ino(), found.mtime(), found.mtime_nsec(), found.mode()));
        }
    }
}

/// Wants to stop after so many questions.
struct Impatient(Cell<u32>);

impl Caller for Impatient {
    fn say(&self, _said: Message<'_>) {}

    fn should_stop(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left == 0
    }
}

fn enter(fixture: &Fixture, patience: u32) -> Entered {
    enter_asked_by(fixture, &Impatient(Cell::new(patience)))
}

fn enter_asked_by(fixture: &Fixture, caller: &dyn Caller) -> Entered {
    request(fixture, caller, |request| Direct.enter(request))
}

/// More questions than a recovery of a small storage asks.
const MANY: u32 = 3000;

/// When a recovery was stopped.
#[derive(Debug, PartialEq)]
enum Stopped {
    Looking,
    Recovering,
    Never,
}

#[test]
fn a_recovery_that_was_stopped_before_any_file_reaches_the_same_end_the_next_time() {
    let states = [State::Crashed, State::InSnapshot, State::Recombining, State::Replica];
    in_parallel(states, |state| {
        let all: Vec<u32> = (0..MANY).collect();
        let looking = all.partition_point(|it| stopped_after(state, *it) == Stopped::Looking);
        let rest = all[looking..].iter();
        let stopped = rest.take_while(|it| stopped_after(state, **it) == Stopped::Recovering);
        assert!(looking > 10, "the look at {state:?} asks {looking} times");
        assert!(stopped.count() > 10, "there was nothing to stop");
    });
}

/// Stops a recovery after so many questions, and makes another one.
fn stopped_after(state: State, questions: u32) -> Stopped {
    assert!(questions + 1 < MANY, "the recovery of {state:?} never ended");
    let fixture = fixture_builder().state(state).transactions(12).build().unwrap();
    let before = picture(fixture.path());
    let stopped = match enter(&fixture, questions) {
        Entered::Done => return Stopped::Never,
        Entered::Failed(reason) if reason.text().starts_with("asked to stop before") => {
            let after = picture(fixture.path());
            assert_eq!(before.difference(&after), None);
            Stopped::Looking
        }
        Entered::Failed(_) => {
            assert!(
                !fixture.storage().snapshot().exists(),
                "half a recovery passes for a snapshot"
            );
            Stopped::Recovering
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(enter(&fixture, u32::MAX), Entered::Done);
    fixture.ledger().verify(&fixture.storage().a()).assert_holds();
    assert_closed(&fixture);
    stopped
}

#[test]
fn a_recovery_that_is_stopped_again_and_again_comes_to_its_end() {
    let fixture = fixture_builder().state(State::InSnapshot).transactions(12).build().unwrap();
    let mut stopped_halfway = 0;
    let ended = (0..MANY).any(|questions| match enter(&fixture, questions) {
        Entered::Failed(reason) => {
            stopped_halfway += u32::from(reason.text().starts_with("asked to stop during"));
            false
        }
        entered => entered == Entered::Done,
    });
    assert!(ended, "it was stopped {MANY} times and did not come to its end");
    assert!(stopped_halfway > 2, "it was stopped halfway {stopped_halfway} times");
    fixture.ledger().verify(&fixture.storage().a()).assert_holds();
}

/// Puts a folder where a file has to go, when the survey is over: the first change removes
/// `misc/snapshot`.
struct InTheWay {
    snapshot: PathBuf,
    target: PathBuf,
}

impl Caller for InTheWay {
    fn say(&self, _said: Message<'_>) {}

    fn should_stop(&self) -> bool {
        if !self.snapshot.exists() {
            let _ = fs::remove_file(&self.target);
            fs::create_dir_all(self.target.join("in the way")).unwrap();
        }
        false
    }
}

#[test]
fn a_failing_step_stops_and_reports_and_leaves_no_snapshot() {
    let fixture = storage(State::InSnapshot);
    let place = a_file_below(&fixture.storage().b());
    let target = fixture.storage().a().join(place.strip_prefix(fixture.storage().b()).unwrap());
    let in_the_way = InTheWay { snapshot: fixture.storage().snapshot(), target: target.clone() };
    let Entered::Failed(refusal) = enter_asked_by(&fixture, &in_the_way) else {
        panic!("a folder was replaced by a file")
    };
    let what = "nothing is lost, but A/ is not a snapshot until the storage is recovered";
    assert!(refusal.text().ends_with(what), "{refusal}");
    assert_eq!(
        refusal.hints(),
        ["fix the cause and run dsnap again: the recovery continues where it stopped"]
    );
    assert!(!fixture.storage().snapshot().exists());
    fs::remove_dir_all(&target).unwrap();
    Dsnap::on(&fixture).arg("true").run().says(0, DIRECT);
    fixture.ledger().verify(&fixture.storage().a()).assert_holds();
}

#[test]
fn a_replicas_files_and_folders_get_their_modes_and_times() {
    let fixture = storage(State::Replica);
    write_replica_with_folders(&fixture);
    Dsnap::on(&fixture).arg("true").run().says(0, DIRECT);
    assert_like_the_replica(&fixture);
}

#[test]
fn a_replica_on_another_file_system_than_misc_fails_the_run_and_changes_nothing() {
    let Some(elsewhere) = on_another_file_system() else { return };
    let fixture = storage(State::Replica);
    let (journal, mark) = (fixture.storage().journal(), fixture.storage().snapshot());
    fs::write(&mark, "user/old-1").unwrap();
    fs::copy(journal.join("replica.tar"), elsewhere.path().join("replica.tar")).unwrap();
    fs::remove_dir_all(&journal).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), &journal).unwrap();
    let before = Tree::of(&fixture.storage().a()).unwrap();
    let ran = Dsnap::on(&fixture).arg("true").run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    ran.mentions("DIR/journal and DIR/misc are on different file systems\n")
        .mentions("hint: journal/replica.tar becomes misc/replica.previous: put both folders on one file system\n");
    assert_eq!(fs::read_to_string(mark).unwrap(), "user/old-1");
    assert_eq!(before.difference(&Tree::of(&fixture.storage().a()).unwrap()), None);
}

/// A folder on another file system than that of the fixtures, where this machine has one.
fn on_another_file_system() -> Option<tempfile::TempDir> {
    let usual = fs::metadata(folder().path()).unwrap().dev();
    let found = [Path::new(MEMORY), &std::env::temp_dir()]
        .into_iter()
        .flat_map(tempfile::tempdir_in)
        .find(|folder| fs::metadata(folder.path()).unwrap().dev() != usual);
    if found.is_none() {
        root::passed_over("all temporary folders are on one file system here");
    }
    found
}

#[test]
fn storages_that_ask_for_no_sync_are_rolled_forward_too() {
    for (sync, dirsync) in [(false, true), (true, false)] {
        let fixture =
            fixture_builder().state(State::InSnapshot).sync(sync).dirsync(dirsync).build().unwrap();
        Dsnap::on(&fixture).arg("true").run().says(0, DIRECT);
        fixture.ledger().verify(&fixture.storage().a()).assert_holds();
    }
}

fn a_file_below(folder: &std::path::Path) -> std::path::PathBuf {
    let entry = fs::read_dir(folder).unwrap().flatten().next().unwrap();
    if entry.path().is_dir() { a_file_below(&entry.path()) } else { entry.path() }
}
