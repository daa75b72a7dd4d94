//! What earlier runs left behind: a run finds their records and cleans up, or says why not.

use std::fs;
use std::time::{Duration, SystemTime};

use dsnap_core::method::{Entered, Left};
use dsnap_engine::record::entry::Record;
use dsnap_engine::record::evidence::Evidence;
use dsnap_engine::record::run_lock::RunLock;
use dsnap_engine::storage::Storage;
use dsnap_engine::system::process::ProcessId;

use crate::support::{
    LEFT, NOTHING, Scenario, after, because, elsewhere, enter, leave, left_behind, nothing,
    ordinary_run, reason, records, write_snapshot, zope,
};

#[test]
fn a_snapshot_of_a_killed_run_is_left_by_its_line_and_the_run_goes_on() {
    // Right after an enter, a run has not noted yet that its own storage is in the snapshot.
    for state in [Evidence::Here, Evidence::Unknown, Evidence::Elsewhere] {
        let scenario = zope(vec![(leave(), Left::Left)]);
        left_behind(&scenario, "user/db-1-left", |record| Record { evidence: state, ..record });
        scenario.play(0, after(&["zope leaves", LEFT]));
        assert_eq!(records(&scenario), []);
    }
}

#[test]
fn a_snapshot_of_another_storage_under_the_same_code_stays_on_record() {
    let scenario = zope(vec![(leave(), Left::Left)]);
    let of_other =
        |record| Record { evidence: Evidence::Elsewhere, line: b"old".to_vec(), ..record };
    left_behind(&scenario, "", of_other);
    left_behind(&scenario, "user/db-1-left", |record| record);
    scenario.play(0, after(&["zope leaves", LEFT]));
    let kept = records(&scenario);
    assert_eq!((kept.len(), kept[0].evidence), (1, Evidence::Elsewhere));
}

#[test]
fn every_line_is_asked_to_leave_if_the_one_that_entered_is_gone() {
    let scenario = zope(vec![(leave(), Left::Left)]);
    left_behind(&scenario, "user/db-1-left", |record| Record { line: b"old".to_vec(), ..record });
    scenario.play(0, after(&["zope leaves", LEFT]));
    assert_eq!(records(&scenario), []);
}

#[test]
fn the_storage_is_in_use_while_command_of_a_killed_run_is_alive() {
    let scenario = zope(Vec::new());
    left_behind(&scenario, "user/db-1-left", |record| Record {
        command: Some(ProcessId::own()),
        ..record
    });
    let outcome = scenario.play(75, NOTHING);
    assert!(reason(&outcome).starts_with(
        "COMMAND of an earlier run still uses the snapshot user/db-1-left: rsync (pid "
    ));
    assert_eq!(records(&scenario).len(), 1);
}

#[test]
fn the_storage_is_in_use_while_somebody_holds_the_sublock() {
    let busy = || (nothing(), Left::Busy(because("somebody holds misc/sublock")));
    let scenario = zope((0..1000).map(|_| busy()).collect());
    left_behind(&scenario, "user/db-1-left", |record| record);
    let outcome = scenario.run();
    assert_eq!(
        (outcome.status(), reason(&outcome)),
        (75, "zope: somebody holds misc/sublock".into())
    );
    assert_eq!(records(&scenario).len(), 1);
}

#[test]
fn an_earlier_snapshot_whose_sublock_is_soon_free_is_left() {
    let busy = (nothing(), Left::Busy(because("somebody holds misc/sublock")));
    let scenario = zope(vec![busy, (leave(), Left::Left)]);
    left_behind(&scenario, "user/db-1-left", |record| record);
    scenario.play(0, after(&["zope leaves", "zope leaves", LEFT]));
    assert_eq!(records(&scenario), []);
}

#[test]
fn an_earlier_snapshot_that_cannot_be_left_fails_the_run_and_stays_on_record() {
    let refused = || (nothing(), Left::Refused(because("not authorised")));
    let scenario = zope((0..3).map(|_| refused()).collect());
    left_behind(&scenario, "user/db-1-left", |record| record);
    let outcome = scenario.play(125, &["zope leaves"; 3]);
    assert!(
        reason(&outcome)
            .ends_with("is still in snapshot mode (code user/db-1-left): zope: not authorised")
    );
    assert_eq!(records(&scenario).len(), 1);
}

#[test]
fn while_nobody_has_the_storage_open_nothing_is_sent_and_the_record_goes() {
    let scenario = Scenario::closed().server_method("zope", Vec::new(), Vec::new());
    left_behind(&scenario, "user/db-1-left", |record| record);
    scenario.play(125, ["zope: no process has this storage open"]);
    assert_eq!(records(&scenario), []);
}

#[test]
fn a_record_goes_once_its_code_is_gone() {
    let scenario = zope(Vec::new());
    left_behind(&scenario, "", |record| record);
    scenario.play(0, ordinary_run("zope"));
    assert_eq!(records(&scenario), []);
}

#[test]
fn the_record_of_an_unanswered_enter_is_kept_until_the_server_restarts() {
    // Whatever the time of `misc/lock` is: only a change of it means another server.
    for hours in [-1, 1] {
        let held = || (enter(), Entered::Held);
        let left = || (leave(), Left::Left);
        let scenario =
            Scenario::open().server_method("zope", vec![held(), held()], vec![left(), left()]);
        set_time_of_lock(&scenario.storage, hours);
        left_behind(&scenario, "", |record| Record { evidence: Evidence::Unknown, ..record });
        scenario.play(0, ordinary_run("zope"));
        assert_eq!(records(&scenario).len(), 1);
        set_time_of_lock(&scenario.storage, 2 * hours);
        scenario.run();
        assert_eq!(records(&scenario), []);
    }
}

/// Writes into `misc/lock` as a server does whose clock is so many hours ahead.
fn set_time_of_lock(storage: &Storage, hours: i64) {
    let by = Duration::from_secs(3600 * hours.unsigned_abs());
    let now = SystemTime::now();
    let time = if hours < 0 { now - by } else { now + by };
    fs::File::options().write(true).open(storage.lock()).unwrap().set_modified(time).unwrap();
}

#[test]
fn the_record_of_an_unanswered_enter_is_kept_if_it_says_nothing_of_the_lock() {
    let scenario = zope(Vec::new());
    left_behind(&scenario, "", |record| Record {
        evidence: Evidence::Unknown,
        main_lock: None,
        ..record
    });
    scenario.play(0, ordinary_run("zope"));
    assert_eq!(records(&scenario).len(), 1);
}

#[test]
fn a_torn_record_gets_a_warning_and_is_passed_over() {
    let scenario = zope(Vec::new());
    left_behind(&scenario, "", |record| record);
    let path = scenario.storage.run_lock();
    fs::write(&path, fs::read_to_string(&path).unwrap().replace("state=held", "state=hel"))
        .unwrap();
    scenario.play(
        0,
        after(&["misc/dsnap.lock: ignoring what cannot be read of earlier runs (lines: 1)"]),
    );
}

#[test]
fn a_record_that_is_damaged_at_its_start_gets_the_warning_too() {
    let scenario = zope(Vec::new());
    left_behind(&scenario, "", |record| record);
    let path = scenario.storage.run_lock();
    fs::write(&path, fs::read_to_string(&path).unwrap().replace("record code", "cord code"))
        .unwrap();
    scenario.run();
    assert!(scenario.said()[0].starts_with("misc/dsnap.lock: ignoring what cannot be read"));
}

#[test]
fn a_signal_while_a_clean_up_fails_sets_the_status() {
    let refused = || (nothing(), Left::Refused(because("not authorised")));
    let scenario = zope((0..3).map(|_| refused()).collect()).stopped_at("misc/dsnap.lock");
    left_behind(&scenario, "user/db-1-left", |record| record);
    let path = scenario.storage.run_lock();
    fs::write(&path, fs::read_to_string(&path).unwrap() + "torn").unwrap();
    let outcome = scenario.run();
    assert_eq!(outcome.status(), 128 + 15);
    assert!(
        scenario.said().last().unwrap().ends_with("(code user/db-1-left): zope: not authorised")
    );
    assert_eq!(records(&scenario).len(), 1);
}

#[test]
fn another_snapshot_after_a_clean_up_is_not_waited_for() {
    let busy = Entered::Busy(because("somebody else's"));
    let scenario = Scenario::open().server_method(
        "zope",
        vec![(write_snapshot("user/somebody-else"), busy)],
        vec![(leave(), Left::Left)],
    );
    left_behind(&scenario, "user/db-1-left", |record| record);
    scenario.play(75, ["zope leaves", LEFT, "zope enters", "zope: somebody else's"]);
}

#[test]
fn a_run_on_another_machine_is_judged_by_the_server_where_locks_reach() {
    let scenario = zope(vec![(leave(), Left::Left)]);
    left_behind(&scenario, "user/db-1-left", |record| Record {
        host: elsewhere(),
        command: Some(ProcessId::own()),
        ..record
    });
    scenario.play(0, after(&["zope leaves", LEFT]));
}

#[test]
fn a_copy_of_a_storage_in_a_snapshot_is_refused_while_it_may_be_torn() {
    let scenario = Scenario::closed()
        .server_method("zope", Vec::new(), Vec::new())
        .file_method("files", Vec::new());
    left_behind(&scenario, "user/db-1-left", |record| Record { file: record.file + 1, ..record });
    fs::create_dir(scenario.storage.journal().join("working_0405E702AAAAAAAB_done")).unwrap();
    let outcome = scenario.run();
    assert_eq!(outcome.status(), 125);
    let root = scenario.storage.root().display();
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
                "A/ alone is the backup: mv -T {root}/journal {root}/journal.torn && mv -T {root}/B {root}/B.torn && mkdir {root}/journal {root}/B && chown -h --reference={root}/A {root}/journal {root}/B"
            ),
            "if the copy is of one moment (a frozen disk): dsnap --storage DIR --recover --whole-copy"
                .to_owned(),
        ]
    );
}

#[test]
fn a_copy_in_which_nothing_can_be_torn_is_used_like_any_storage() {
    let scenario =
        Scenario::closed().file_method("files", vec![(write_snapshot("shutdown"), Entered::Done)]);
    left_behind(&scenario, "user/db-1-left", |record| Record { file: record.file + 1, ..record });
    assert_eq!(scenario.run().status(), 0);
    assert!(!RunLock::take(&scenario.storage).unwrap().is_copy());
}

#[test]
fn a_record_is_written_before_the_enter_and_removed_after_the_leave() {
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
    let scenario = Scenario::open().server_method(
        "zope",
        vec![(asked, Entered::Held)],
        vec![(left, Left::Left)],
    );
    scenario.play(0, ordinary_run("zope"));
    assert_eq!(records(&scenario), []);
}

#[test]
fn an_enter_without_effect_is_not_on_record() {
    for answer in [
        Entered::Busy(because("x")),
        Entered::Unavailable(because("x")),
        Entered::Refused(because("x")),
        Entered::Failed(because("x")),
    ] {
        let scenario =
            Scenario::open().server_method("zope", vec![(write_snapshot("?"), answer)], Vec::new());
        scenario.run();
        assert_eq!(records(&scenario), []);
    }
}

#[test]
fn a_snapshot_that_could_not_be_left_stays_on_record_with_its_command() {
    let refused = || (nothing(), Left::Refused(because("not authorised")));
    let scenario = Scenario::open().server_method(
        "zope",
        vec![(enter(), Entered::Held)],
        (0..3).map(|_| refused()).collect(),
    );
    let outcome = scenario.run();
    assert_eq!(outcome.status(), 122);
    let hints = &outcome.not_left[0];
    assert_eq!(hints.hints(), ["dsnap --storage DIR --recover"]);
    let kept = records(&scenario);
    assert_eq!((kept.len(), kept[0].evidence), (1, Evidence::Here));
    assert_eq!(kept[0].command, Some(ProcessId::own()));
}
