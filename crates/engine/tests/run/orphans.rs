//! What earlier runs left behind: found by their records, and left, or not.

use std::fs;
use std::time::Instant;

use dsnap_core::method::{Entered, Left};
use dsnap_engine::record::entry::Record;
use dsnap_engine::record::evidence::Evidence;
use dsnap_engine::record::run_lock::RunLock;
use dsnap_engine::storage::Storage;
use dsnap_engine::system::flock::FileLock;
use dsnap_engine::system::process::{Host, ProcessId};

use crate::stage::{Stage, because, enter, leave, mark, nothing, reason};

const CODE: &str = "db-1-left";
pub(crate) const LEFT: &str =
    "Left the snapshot user/db-1-left, which an earlier run had left behind";
/// What a run says that enters by `zope`, once the way is clear.
const RUN: [&str; 7] = [
    "zope enters",
    "Entered snapshot using zope",
    "Locked snapshot mode",
    "COMMAND runs",
    "Unlocked snapshot mode",
    "zope leaves",
    "Left snapshot mode",
];

/// A record as a run wrote it that is dead now.
fn record(storage: &Storage, evidence: Evidence) -> Record {
    Record {
        code: dsnap_core::Code::from_bytes(CODE.as_bytes()).unwrap(),
        line: b"zope".to_vec(),
        conf: "line 2 in snapshot.conf".to_owned(),
        evidence,
        may_close: true,
        since: 1_767_225_600,
        host: Host::here(),
        user: 0,
        command_name: "rsync".into(),
        command: Some(ProcessId { pid: i32::MAX, start: 1 }),
        storage: storage.resolved(),
        directory: storage.inode(),
        file: 0,
    }
}

/// Leaves a record behind, and `misc/snapshot` as it was then.
pub(crate) fn left_behind(stage: &Stage, content: &str, change: impl FnOnce(Record) -> Record) {
    let own = RunLock::take(&stage.storage).unwrap();
    let record = Record { file: own.inode(), ..record(&stage.storage, Evidence::Here) };
    own.record_intent(change(record)).unwrap();
    if !content.is_empty() {
        fs::write(stage.storage.snapshot(), content).unwrap();
    }
}

pub(crate) fn records(stage: &Stage) -> Vec<Record> {
    RunLock::take(&stage.storage).unwrap().records()
}

/// An open storage with a good line `zope`, which may have to leave something before.
pub(crate) fn zope(before: Vec<(crate::stage::Deed, Left)>) -> Stage {
    let leaves = before.into_iter().chain([(leave(), Left::Left)]).collect();
    Stage::open().owner("zope", vec![(enter(), Entered::Held)], leaves)
}

pub(crate) fn after<'a>(before: &[&'a str]) -> Vec<&'a str> {
    before.iter().copied().chain(RUN).collect()
}

#[test]
fn what_a_dead_run_left_behind_is_left_by_its_line_and_the_run_goes_on() {
    for state in [Evidence::Here, Evidence::Unknown] {
        let stage = zope(vec![(leave(), Left::Left)]);
        left_behind(&stage, "user/db-1-left", |record| Record { evidence: state, ..record });
        stage.play(0, &after(&["zope leaves", LEFT]));
        assert_eq!(records(&stage), []);
    }
}

#[test]
fn if_its_line_is_gone_every_line_is_asked() {
    let stage = zope(vec![(leave(), Left::Left)]);
    left_behind(&stage, "user/db-1-left", |record| Record { line: b"old".to_vec(), ..record });
    stage.play(0, &after(&["zope leaves", LEFT]));
    assert_eq!(records(&stage), []);
}

#[test]
fn as_long_as_its_command_lives_the_storage_is_in_use() {
    let stage = zope(Vec::new());
    left_behind(&stage, "user/db-1-left", |record| Record {
        command: Some(ProcessId::own()),
        ..record
    });
    let outcome = stage.play(75, &[]);
    assert!(reason(&outcome).starts_with(
        "COMMAND of an earlier run still uses the snapshot user/db-1-left: rsync (pid "
    ));
    assert_eq!(records(&stage).len(), 1);
}

#[test]
fn as_long_as_the_server_refuses_because_somebody_holds_the_sublock_it_is_in_use() {
    let busy = || (nothing(), Left::Busy(because("somebody holds misc/sublock")));
    let stage = zope((0..1000).map(|_| busy()).collect());
    left_behind(&stage, "user/db-1-left", |record| record);
    let outcome = stage.run();
    assert_eq!((outcome.status(), reason(&outcome)), (75, "somebody holds misc/sublock".into()));
    assert_eq!(records(&stage).len(), 1);
}

#[test]
fn what_cannot_be_left_fails_the_run_and_stays_on_record() {
    let refused = || (nothing(), Left::Refused(because("not authorised")));
    let stage = zope((0..3).map(|_| refused()).collect());
    left_behind(&stage, "user/db-1-left", |record| record);
    let outcome = stage.play(125, &["zope leaves"; 3]);
    assert!(
        reason(&outcome)
            .ends_with("is still in snapshot mode (code user/db-1-left): not authorised")
    );
    assert_eq!(records(&stage).len(), 1);
}

#[test]
fn while_nobody_has_the_storage_open_nothing_is_sent_and_the_record_goes() {
    let stage = Stage::closed().owner("zope", Vec::new(), Vec::new());
    left_behind(&stage, "user/db-1-left", |record| record);
    stage.play(125, &["zope: no process has this storage open"]);
    assert_eq!(records(&stage), []);
}

#[test]
fn a_held_one_whose_code_is_gone_is_settled() {
    let stage = zope(Vec::new());
    left_behind(&stage, "", |record| record);
    stage.play(0, &RUN);
    assert_eq!(records(&stage), []);
}

#[test]
fn an_unknown_one_is_kept_until_the_server_was_started_anew() {
    let late = dsnap_engine::storage::snapshot_lock::seconds(std::time::SystemTime::now()) + 3600;
    for (since, kept) in [(late, 1), (1_767_225_600, 0)] {
        let stage = zope(Vec::new());
        left_behind(&stage, "", |record| Record { evidence: Evidence::Unknown, since, ..record });
        stage.play(0, &RUN);
        assert_eq!(records(&stage).len(), kept);
    }
}

#[test]
fn a_torn_record_gets_a_warning_and_is_passed_over() {
    let stage = zope(Vec::new());
    left_behind(&stage, "", |record| record);
    let path = stage.storage.run_lock();
    fs::write(&path, fs::read_to_string(&path).unwrap().replace("state=held", "state=hel"))
        .unwrap();
    stage.play(
        0,
        &after(&["misc/dsnap.lock: ignoring what cannot be read of earlier runs (lines: 1)"]),
    );
}

#[test]
fn a_record_that_is_damaged_at_its_start_gets_the_warning_too() {
    let stage = zope(Vec::new());
    left_behind(&stage, "", |record| record);
    let path = stage.storage.run_lock();
    fs::write(&path, fs::read_to_string(&path).unwrap().replace("record code", "cord code"))
        .unwrap();
    stage.run();
    assert!(stage.said()[0].starts_with("misc/dsnap.lock: ignoring what cannot be read"));
}

#[test]
fn a_signal_while_a_repair_fails_is_the_status() {
    let refused = || (nothing(), Left::Refused(because("not authorised")));
    let stage = zope((0..3).map(|_| refused()).collect()).stopped_at("misc/dsnap.lock");
    left_behind(&stage, "user/db-1-left", |record| record);
    let path = stage.storage.run_lock();
    fs::write(&path, fs::read_to_string(&path).unwrap() + "torn").unwrap();
    let outcome = stage.run();
    assert_eq!(outcome.status(), 128 + 15);
    assert!(stage.said().last().unwrap().ends_with("(code user/db-1-left): not authorised"));
    assert_eq!(records(&stage).len(), 1);
}

#[test]
fn while_the_server_ends_what_was_left_tries_go_on_without_being_asked_to() {
    let ends: crate::stage::Deed = Box::new(|storage, code| {
        leave()(storage, code);
        fs::write(storage.b().join("x"), "").unwrap();
    });
    let done: crate::stage::Deed =
        Box::new(|storage, _| fs::remove_file(storage.b().join("x")).unwrap());
    let busy = Entered::Busy(because("recombining"));
    let stage = Stage::open().owner(
        "zope",
        vec![(done, busy), (enter(), Entered::Held)],
        vec![(ends, Left::Left), (leave(), Left::Left)],
    );
    left_behind(&stage, "user/db-1-left", |record| record);
    let before = ["zope leaves", LEFT, "zope enters", "zope: recombining", "pause: recombining"];
    let begin = Instant::now();
    stage.play(0, &after(&before));
    assert!(begin.elapsed() < stage.job.pause, "files that are put together soon are no long wait");
}

#[test]
fn what_else_is_in_use_after_a_repair_is_not_waited_for() {
    let busy = Entered::Busy(because("somebody else's"));
    let stage = Stage::open().owner(
        "zope",
        vec![(mark("user/somebody-else"), busy)],
        vec![(leave(), Left::Left)],
    );
    left_behind(&stage, "user/db-1-left", |record| record);
    stage.play(75, &["zope leaves", LEFT, "zope enters", "zope: somebody else's"]);
}

#[test]
fn a_run_on_another_machine_is_judged_by_the_server_where_locks_reach() {
    let stage = zope(vec![(leave(), Left::Left)]);
    left_behind(&stage, "user/db-1-left", |record| Record {
        host: Host { host: "elsewhere".to_owned(), ..Host::here() },
        command: Some(ProcessId::own()),
        ..record
    });
    stage.play(0, &after(&["zope leaves", LEFT]));
}

#[test]
fn a_copy_of_a_held_storage_sends_nothing_and_is_not_worked_on_while_it_may_be_torn() {
    let stage = Stage::closed().owner("zope", Vec::new(), Vec::new()).nobody("files", Vec::new());
    left_behind(&stage, "user/db-1-left", |record| Record { file: record.file + 1, ..record });
    fs::create_dir(stage.storage.journal().join("working_0405E702AAAAAAAB_done")).unwrap();
    let outcome = stage.run();
    assert_eq!(outcome.status(), 125);
    let root = stage.storage.root().display();
    let said = reason(&outcome);
    assert_eq!(
        said,
        format!(
            "{root} is a copy made while a snapshot of the original was in use: its journal/ and B/ may be torn"
        )
    );
    let Err(dsnap_engine::run::job::NotRun::NoSnapshot { failure, .. }) = outcome.command else {
        panic!()
    };
    assert_eq!(
        failure.reason().hints(),
        [
            format!(
                "A/ alone is the backup: mv {root}/journal {root}/journal.torn && mv {root}/B {root}/B.torn && mkdir {root}/journal {root}/B && chown --reference={root}/A {root}/journal {root}/B"
            ),
            "if the copy is of one moment (a frozen disk): dsnap --storage DIR --recover"
                .to_owned(),
        ]
    );
}

#[test]
fn a_copy_of_which_nothing_can_be_torn_is_a_storage_like_any_other() {
    let stage = Stage::closed().nobody("files", vec![(mark("shutdown"), Entered::Done)]);
    left_behind(&stage, "user/db-1-left", |record| Record { file: record.file + 1, ..record });
    assert_eq!(stage.run().status(), 0);
    assert!(!RunLock::take(&stage.storage).unwrap().is_copy());
}

#[test]
fn what_may_be_held_is_on_record_before_it_is_asked_for_and_gone_when_it_was_left() {
    let state = |storage: &Storage| {
        let text = fs::read_to_string(storage.run_lock()).unwrap();
        let line = text.lines().find(|line| line.starts_with("record ")).unwrap().to_owned();
        line.split(' ').find_map(|field| field.strip_prefix("state=")).unwrap().to_owned()
    };
    let asked = Box::new(move |storage: &Storage, code: &str| {
        assert_eq!(state(storage), "unknown");
        enter()(storage, code);
    });
    let left = Box::new(move |storage: &Storage, code: &str| {
        assert_eq!(state(storage), "held");
        leave()(storage, code);
    });
    let stage = Stage::open().owner("zope", vec![(asked, Entered::Held)], vec![(left, Left::Left)]);
    stage.play(0, &RUN);
    assert_eq!(records(&stage), []);
}

#[test]
fn what_had_no_effect_is_not_on_record() {
    for answer in [
        Entered::Busy(because("x")),
        Entered::Unavailable(because("x")),
        Entered::Refused(because("x")),
        Entered::Failed(because("x")),
    ] {
        let stage = Stage::open().owner("zope", vec![(nothing(), answer)], Vec::new());
        stage.run();
        assert_eq!(records(&stage), []);
    }
}

#[test]
fn what_could_not_be_left_stays_on_record_with_its_command() {
    let refused = || (nothing(), Left::Refused(because("not authorised")));
    let stage = Stage::open().owner(
        "zope",
        vec![(enter(), Entered::Held)],
        (0..3).map(|_| refused()).collect(),
    );
    let outcome = stage.run();
    assert_eq!(outcome.status(), 122);
    let hints = outcome.not_left.unwrap();
    assert_eq!(hints.hints(), ["dsnap --storage DIR --recover"]);
    let kept = records(&stage);
    assert_eq!((kept.len(), kept[0].evidence), (1, Evidence::Here));
    assert_eq!(kept[0].command, Some(ProcessId::own()));
}

#[test]
fn where_nothing_can_be_written_down_nothing_is_entered() {
    let stage = Stage::open().owner("zope", Vec::new(), Vec::new());
    std::os::unix::fs::symlink("/dev/full", stage.storage.run_lock()).unwrap();
    let outcome = stage.run();
    assert_eq!(outcome.status(), 125);
    assert!(reason(&outcome).contains("cannot be written, so nothing is entered"), "{outcome:?}");
    drop(FileLock::take_without_pid(&stage.storage.sublock()).unwrap());
}
