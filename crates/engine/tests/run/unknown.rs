//! An enter without an answer: watched, left, or kept on record.

use std::time::{Duration, Instant};

use dsnap_core::method::{Entered, Left};
use dsnap_engine::record::evidence::Evidence;
use dsnap_engine::record::run_lock::RunLock;
use dsnap_engine::system::flock::FileLock;

use crate::stage::{Stage, because, enter, leave, mark, nothing};

fn lost() -> Entered {
    Entered::Unknown(because("no answer"))
}

fn states(stage: &Stage) -> Vec<Evidence> {
    let own = RunLock::take(&stage.storage).unwrap();
    own.records().into_iter().map(|record| record.evidence).collect()
}

#[test]
fn an_enter_that_is_over_after_all_counts_as_held() {
    let stage = Stage::open().owner("zope", vec![(enter(), lost())], vec![(leave(), Left::Left)]);
    stage.play(
        0,
        &[
            "zope enters",
            "zope: no answer",
            "Entered snapshot using zope",
            "Locked snapshot mode",
            "COMMAND runs",
            "Unlocked snapshot mode",
            "zope leaves",
            "Left snapshot mode",
        ],
    );
    assert_eq!(states(&stage), []);
}

#[test]
fn the_next_line_is_asked_under_the_same_code_and_leaving_settles_both() {
    // The second says that the first entered: its record must not outlive the snapshot.
    let stage = Stage::open().owner("one", vec![(enter(), lost())], Vec::new()).owner(
        "two",
        vec![(nothing(), Entered::Held)],
        vec![(leave(), Left::Left)],
    );
    stage.play(
        0,
        &[
            "one enters",
            "one: no answer",
            "two enters",
            "Entered snapshot using two",
            "Locked snapshot mode",
            "COMMAND runs",
            "Unlocked snapshot mode",
            "two leaves",
            "Left snapshot mode",
        ],
    );
    assert_eq!(states(&stage), []);
}

#[test]
fn one_that_may_still_come_is_said_and_kept_and_no_leave_is_sent() {
    let stage = Stage::open().owner("zope", vec![(nothing(), lost())], Vec::new());
    let outcome = stage.run();
    assert_eq!(outcome.status(), 125);
    let said = stage.said();
    assert_eq!(said[..2], ["zope enters", "zope: no answer"]);
    assert!(said[2].starts_with("zope: the snapshot user/"), "{said:?}");
    assert!(said[2].ends_with(" may still be entered; the next run checks again"), "{said:?}");
    assert_eq!((said.len(), states(&stage)), (3, vec![Evidence::Unknown]));
}

#[test]
fn later_tries_use_its_code_again_and_the_time_of_the_first() {
    let codes = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = |and_then: crate::stage::Deed| -> crate::stage::Deed {
        let codes = std::sync::Arc::clone(&codes);
        Box::new(move |storage, code| {
            codes.lock().unwrap().push(code.to_owned());
            and_then(storage, code);
        })
    };
    let stage = Stage::open()
        .owner(
            "zope",
            vec![(noted(nothing()), lost()), (noted(enter()), Entered::Held)],
            vec![(leave(), Left::Left)],
        )
        .job(|job| (job.wait, job.pause) = (Duration::from_secs(60), Duration::from_millis(1)));
    assert_eq!(stage.run().status(), 0);
    let codes = codes.lock().unwrap();
    assert_eq!((codes.len(), &codes[0]), (2, &codes[1]));
    assert_eq!(states(&stage), []);
}

#[test]
fn an_enter_whose_server_let_go_of_the_sublock_is_over_at_once() {
    let stage = Stage::open()
        .owner("zope", vec![(enter(), lost())], vec![(leave(), Left::Left)])
        .job(|job| job.timing.pending_enter = Duration::from_secs(3600));
    assert_eq!(stage.run().status(), 0);
    assert_eq!(states(&stage), []);
}

#[test]
fn an_enter_whose_server_keeps_the_sublock_is_over_a_while_after_its_code_appeared() {
    let settling = Duration::from_millis(300);
    let stage = Stage::open()
        .owner("zope", vec![(enter(), lost())], vec![(leave(), Left::Left)])
        .job(|job| job.timing.pending_enter = settling);
    let server = FileLock::take(&stage.storage.sublock()).unwrap();
    let began = Instant::now();
    // What is not guarded is no snapshot, but it is over: so it is left, and known to be.
    assert_eq!(stage.run().status(), 75);
    assert!(began.elapsed() >= settling, "not before: it might still have come");
    let said = stage.said();
    let lines = ["zope enters", "zope: no answer", "Entered snapshot using zope", "zope leaves"];
    assert_eq!(said[..4], lines, "{said:?}");
    assert!(said.contains(&"Left snapshot mode".to_owned()), "{said:?}");
    drop(server);
    assert_eq!(states(&stage), []);
}

#[test]
fn an_enter_whose_server_has_ended_is_settled() {
    let stage = Stage::open();
    let end = stage.ends_server();
    let stage = stage.owner("zope", vec![(end, lost())], Vec::new());
    assert_eq!(stage.run().status(), 125);
    assert_eq!(states(&stage), []);
}

#[test]
fn an_enter_that_closed_the_storage_is_opened_again() {
    let stage = Stage::open();
    let end = stage.ends_server();
    let closes: crate::stage::Deed = Box::new(move |storage, code| {
        mark("shutdown")(storage, code);
        end(storage, code);
    });
    let stage = stage.owner("zope", vec![(closes, lost())], vec![(nothing(), Left::Left)]);
    stage.play(
        0,
        &[
            "zope enters",
            "zope: no answer",
            "Entered snapshot using zope",
            "Locked snapshot mode",
            "COMMAND runs",
            "Unlocked snapshot mode",
            "zope leaves",
            "Left snapshot mode",
        ],
    );
    assert_eq!(states(&stage), []);
}

#[test]
fn after_a_signal_an_enter_that_is_over_is_left() {
    let stage = Stage::open()
        .owner("zope", vec![(enter(), lost())], vec![(leave(), Left::Left)])
        .stopped_at("zope: no answer");
    let outcome = stage.run();
    assert_eq!(outcome.status(), 128 + 15);
    assert_eq!(stage.said().last().map(String::as_str), Some("Left snapshot mode"));
    assert!(!stage.said().contains(&"COMMAND runs".to_owned()));
    assert_eq!(states(&stage), []);
}

#[test]
fn a_wrong_server_is_left_by_its_own_line_and_not_tried_again() {
    let stage = Stage::open()
        .owner("wrong", vec![(mark("user/other"), Entered::Held)], vec![(nothing(), Left::Left)])
        .owner(
            "busy",
            vec![(nothing(), Entered::Busy(because("packing"))), (enter(), Entered::Held)],
            vec![(leave(), Left::Left)],
        )
        .job(|job| (job.wait, job.pause) = (Duration::from_secs(60), Duration::from_millis(1)));
    assert_eq!(stage.run().status(), 0);
    let said = stage.said();
    let count = |words: &str| said.iter().filter(|line| line.as_str() == words).count();
    assert_eq!((count("wrong enters"), count("wrong leaves"), count("busy leaves")), (1, 1, 1));
    let known = "wrong: a snapshot was entered, but misc/snapshot of this storage is `user/other`: the line leads to the server of another storage";
    assert_eq!(count(known), 2, "{said:?}");
}
