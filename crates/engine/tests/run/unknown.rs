//! Enters without an answer: each is watched, then left or kept on record.

use std::time::{Duration, Instant};

use dsnap_core::method::{Entered, Left};
use dsnap_engine::record::evidence::Evidence;
use dsnap_engine::record::run_lock::RunLock;
use dsnap_engine::system::flock::FileLock;

use crate::support::{
    Scenario, SideEffect, because, enter, journal, leave, nothing, write_snapshot,
};

fn lost() -> Entered {
    Entered::Unknown(because("no answer"))
}

fn states(scenario: &Scenario) -> Vec<Evidence> {
    let own = RunLock::take(&scenario.storage).unwrap();
    own.records().into_iter().map(|record| record.evidence).collect()
}

/// Plays a run whose enter has no answer but takes effect: COMMAND runs, and no record stays.
#[track_caller]
fn runs_after_a_late_enter(scenario: &Scenario) {
    scenario.play(
        0,
        journal()
            .lines(&["zope enters", "zope: no answer", "Entered snapshot using zope"])
            .command_runs()
            .left("zope"),
    );
    assert_eq!(states(scenario), []);
}

#[test]
fn an_unanswered_enter_that_took_effect_counts_as_entered() {
    let scenario = Scenario::open().server_method(
        "zope",
        vec![(enter(), lost())],
        vec![(leave(), Left::Left)],
    );
    runs_after_a_late_enter(&scenario);
}

#[test]
fn an_enter_that_panics_has_no_answer_but_may_have_taken_effect() {
    let panics: SideEffect = Box::new(|storage, code| {
        enter()(storage, code);
        panic!("on purpose");
    });
    let scenario = Scenario::open().server_method(
        "zope",
        vec![(panics, Entered::Held)],
        vec![(leave(), Left::Left)],
    );
    let lines = ["zope enters", "zope: the method `zope` panicked", "Entered snapshot using zope"];
    scenario.play(0, journal().lines(&lines).command_runs().left("zope"));
    assert_eq!(states(&scenario), []);
}

#[test]
fn an_enter_that_likely_failed_is_not_waited_for_and_its_record_stays() {
    let failed = || Entered::LikelyFailed(because("answered 500"));
    let scenario = Scenario::open()
        .server_method("zope", vec![(nothing(), failed())], Vec::new())
        .job(|job| job.timing.pending_enter = Duration::from_secs(600));
    assert_eq!(scenario.run().status(), 125);
    assert_eq!(scenario.said(), ["zope enters", "zope: answered 500"]);
    assert_eq!(states(&scenario), [Evidence::Unknown]);
}

#[test]
fn the_next_line_enters_under_the_same_code_and_one_leave_ends_both() {
    // The second says that the first entered: its record must not outlive the snapshot.
    let scenario = Scenario::open()
        .server_method("one", vec![(enter(), lost())], Vec::new())
        .server_method("two", vec![(nothing(), Entered::Held)], vec![(leave(), Left::Left)]);
    scenario.play(0, journal().lines(&["one enters", "one: no answer"]).ordinary_run("two"));
    assert_eq!(states(&scenario), []);
}

#[test]
fn an_enter_that_may_still_take_effect_is_reported_and_kept_and_no_leave_is_sent() {
    let scenario = Scenario::open().server_method("zope", vec![(nothing(), lost())], Vec::new());
    let outcome = scenario.run();
    assert_eq!(outcome.status(), 125);
    let said = scenario.said();
    assert_eq!(said[..2], ["zope enters", "zope: no answer"]);
    assert!(said[2].starts_with("zope: the snapshot user/"), "{said:?}");
    assert!(said[2].ends_with(" may still begin; the next run checks that"), "{said:?}");
    assert_eq!((said.len(), states(&scenario)), (3, vec![Evidence::Unknown]));
}

#[test]
fn later_tries_use_the_code_of_the_first_again() {
    let codes = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = |and_then: SideEffect| -> SideEffect {
        let codes = std::sync::Arc::clone(&codes);
        Box::new(move |storage, code| {
            codes.lock().unwrap().push(code.to_owned());
            and_then(storage, code);
        })
    };
    let scenario = Scenario::open()
        .server_method(
            "zope",
            vec![(noted(nothing()), lost()), (noted(enter()), Entered::Held)],
            vec![(leave(), Left::Left)],
        )
        .job(|job| (job.wait, job.pause) = (Duration::from_secs(60), Duration::from_millis(1)));
    assert_eq!(scenario.run().status(), 0);
    let codes = codes.lock().unwrap();
    assert_eq!((codes.len(), &codes[0]), (2, &codes[1]));
    assert_eq!(states(&scenario), []);
}

#[test]
fn an_enter_is_over_at_once_when_the_server_unlocks_the_sublock() {
    let scenario = Scenario::open()
        .server_method("zope", vec![(enter(), lost())], vec![(leave(), Left::Left)])
        .job(|job| job.timing.pending_enter = Duration::from_secs(3600));
    assert_eq!(scenario.run().status(), 0);
    assert_eq!(states(&scenario), []);
}

#[test]
fn an_enter_is_over_some_time_after_its_code_appeared_if_the_server_keeps_the_sublock() {
    let settling = Duration::from_millis(300);
    let scenario = Scenario::open()
        .server_method("zope", vec![(enter(), lost())], vec![(leave(), Left::Left)])
        .job(|job| job.timing.pending_enter = settling);
    let server = FileLock::take(&scenario.storage.sublock()).unwrap();
    let began = Instant::now();
    // What is not guarded is no snapshot, but it is over: so it is left, and known to be.
    assert_eq!(scenario.run().status(), 75);
    assert!(began.elapsed() >= settling, "not before: it might still have come");
    let said = scenario.said();
    let lines = ["zope enters", "zope: no answer", "Entered snapshot using zope", "zope leaves"];
    assert_eq!(said[..4], lines, "{said:?}");
    assert!(said.contains(&"Left snapshot mode".to_owned()), "{said:?}");
    drop(server);
    assert_eq!(states(&scenario), []);
}

#[test]
fn an_enter_is_over_when_its_server_has_ended() {
    let scenario = Scenario::open();
    let end = scenario.ends_server();
    let scenario = scenario.server_method("zope", vec![(end, lost())], Vec::new());
    assert_eq!(scenario.run().status(), 125);
    assert_eq!(states(&scenario), []);
}

#[test]
fn an_enter_that_closed_the_storage_is_opened_again() {
    let scenario = Scenario::open();
    let end = scenario.ends_server();
    let closes: SideEffect = Box::new(move |storage, code| {
        write_snapshot("shutdown")(storage, code);
        end(storage, code);
    });
    let scenario =
        scenario.server_method("zope", vec![(closes, lost())], vec![(nothing(), Left::Left)]);
    runs_after_a_late_enter(&scenario);
}

#[test]
fn an_unanswered_enter_that_took_effect_is_left_after_a_signal() {
    let scenario = Scenario::open()
        .server_method("zope", vec![(enter(), lost())], vec![(leave(), Left::Left)])
        .stopped_at("zope: no answer");
    let outcome = scenario.run();
    assert_eq!(outcome.status(), 128 + 15);
    assert_eq!(scenario.said().last().map(String::as_str), Some("Left snapshot mode"));
    assert!(!scenario.said().contains(&"COMMAND runs".to_owned()));
    assert_eq!(states(&scenario), []);
}

#[test]
fn a_wrong_server_is_left_by_its_own_line_and_not_tried_again() {
    let scenario = Scenario::open()
        .server_method(
            "wrong",
            vec![(write_snapshot("user/other"), Entered::Held)],
            vec![(nothing(), Left::Left)],
        )
        .server_method(
            "busy",
            vec![(nothing(), Entered::Busy(because("packing"))), (enter(), Entered::Held)],
            vec![(leave(), Left::Left)],
        )
        .job(|job| (job.wait, job.pause) = (Duration::from_secs(60), Duration::from_millis(1)));
    assert_eq!(scenario.run().status(), 0);
    let said = scenario.said();
    let count = |words: &str| said.iter().filter(|line| line.as_str() == words).count();
    assert_eq!((count("wrong enters"), count("wrong leaves"), count("busy leaves")), (1, 1, 1));
    let known = "wrong: a snapshot was entered, but misc/snapshot of this storage is `user/other`: the line leads to the server of another storage, or its method did nothing";
    assert_eq!(count(known), 1, "{said:?}");
}

#[test]
fn an_enter_that_may_still_come_stays_on_record_if_a_later_try_under_its_code_is_refused() {
    let refused = Entered::Refused(because("401"));
    let scenario = Scenario::open()
        .server_method("zope", vec![(nothing(), lost()), (nothing(), refused)], Vec::new())
        .job(|job| (job.wait, job.pause) = (Duration::from_secs(60), Duration::from_millis(1)));
    assert_eq!(scenario.run().status(), 125);
    assert_eq!(states(&scenario), [Evidence::Unknown]);
}

#[test]
fn a_server_that_is_started_while_a_method_asks_may_be_the_one_that_enters_late() {
    let restarts: SideEffect =
        Box::new(|storage, _| std::fs::write(storage.lock(), "another server").unwrap());
    let refused = Entered::Refused(because("401"));
    let scenario = Scenario::open().server_method(
        "zope",
        vec![(restarts, lost()), (nothing(), refused)],
        Vec::new(),
    );
    assert_eq!(scenario.run().status(), 125);
    // The second run finds the record.
    assert_eq!(scenario.run().status(), 125);
    assert_eq!(states(&scenario), [Evidence::Unknown]);
}
