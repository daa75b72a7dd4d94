//! Which lines are tried, which reasons are waited for, and what a run without success says.

use std::fs;
use std::time::Duration;

use dsnap_core::method::{Entered, Left};
use dsnap_engine::run::job::NotRun;
use dsnap_engine::system::flock::FileLock;

use crate::stage::{Stage, because, enter, leave, mark, nothing, reason};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(400);

#[test]
fn while_nobody_has_the_storage_open_nobody_is_asked() {
    Stage::closed()
        .owner("zope", vec![], vec![])
        .nobody("files", vec![(mark("shutdown"), Entered::Done)])
        .play(
            0,
            &[
                "zope: no process has this storage open",
                "files enters",
                "Entered snapshot using files",
                "Locked snapshot mode",
                "COMMAND runs",
                "Unlocked snapshot mode",
            ],
        );
}

#[test]
fn lines_are_tried_in_order_and_each_reason_is_kept() {
    let outcome = Stage::open()
        .owner("one", vec![(nothing(), Entered::Refused(because("401")))], vec![])
        .owner("two", vec![(nothing(), Entered::Failed(because("fault")))], vec![])
        .play(125, &["one enters", "one: 401", "two enters", "two: fault"]);
    let Err(NotRun::NoSnapshot { tried, .. }) = outcome.command else { panic!() };
    let tried: Vec<_> =
        tried.iter().map(|(label, reason)| format!("{label}: {}", reason.text())).collect();
    assert_eq!(tried[..2], ["one: 401", "two: fault"]);
    assert!(tried[2].starts_with("misc/snapshot: "), "{tried:?}");
}

#[test]
fn in_use_is_75_also_without_waiting() {
    let outcome = Stage::open()
        .owner("one", vec![(nothing(), Entered::Busy(because("packing")))], vec![])
        .owner("two", vec![(nothing(), Entered::Refused(because("401")))], vec![])
        .play(75, &["one enters", "one: packing", "two enters", "two: 401"]);
    assert_eq!(reason(&outcome), "packing");
}

#[test]
fn what_can_change_is_waited_for_with_nothing_held_between() {
    Stage::open()
        .owner(
            "zope",
            vec![
                (nothing(), Entered::Busy(because("packing"))),
                (nothing(), Entered::Unavailable(because("silent"))),
                (enter(), Entered::Held),
            ],
            vec![(leave(), Left::Left)],
        )
        .job(|job| (job.wait, job.pause) = (LONG, SHORT))
        .play(
            0,
            &[
                "zope enters",
                "zope: packing",
                "pause: packing",
                "zope enters",
                "zope: silent",
                "pause: silent",
                "zope enters",
                "Entered snapshot using zope",
                "Locked snapshot mode",
                "COMMAND runs",
                "Unlocked snapshot mode",
                "zope leaves",
                "Left snapshot mode",
            ],
        );
}

#[test]
fn what_cannot_change_fails_at_once() {
    Stage::open()
        .owner("zope", vec![(nothing(), Entered::Refused(because("401")))], vec![])
        .job(|job| job.wait = LONG)
        .play(125, &["zope enters", "zope: 401"]);
}

#[test]
fn that_the_files_are_in_use_counts_only_where_nobody_was_asked() {
    let open = || (nothing(), Entered::Unavailable(because("open")));
    Stage::open()
        .owner("zope", vec![(nothing(), Entered::Refused(because("401")))], vec![])
        .nobody("files", vec![open()])
        .job(|job| job.wait = LONG)
        .play(125, &["zope enters", "zope: 401", "files enters", "files: open"]);
    Stage::open()
        .nobody("files", vec![open(), open()])
        .job(|job| (job.wait, job.pause) = (SHORT, SHORT))
        .play(125, &["files enters", "files: open", "pause: open", "files enters", "files: open"]);
}

#[test]
fn the_last_try_begins_when_time_is_up() {
    let busy = || (nothing(), Entered::Busy(because("packing")));
    Stage::open()
        .owner("zope", vec![busy(), busy()], vec![])
        .job(|job| (job.wait, job.pause) = (SHORT, LONG))
        .play(
            75,
            &["zope enters", "zope: packing", "pause: packing", "zope enters", "zope: packing"],
        );
}

#[test]
fn another_run_of_the_tool_is_in_use() {
    let stage = Stage::closed();
    let _other = FileLock::take(&stage.storage.run_lock()).unwrap();
    let outcome = stage.run();
    assert_eq!(outcome.status(), 75);
    assert!(reason(&outcome).starts_with("another run of dsnap uses this storage"), "{outcome:?}");
}

#[test]
fn a_signal_while_waiting_ends_the_run() {
    Stage::open()
        .owner("zope", vec![(nothing(), Entered::Busy(because("packing")))], vec![])
        .stopped_at("zope: packing")
        .job(|job| job.wait = LONG)
        .play(143, &["zope enters", "zope: packing"]);
}

#[test]
fn a_missing_folder_is_an_error_with_the_command_that_makes_it() {
    let stage = Stage::closed();
    fs::remove_dir(stage.storage.b()).unwrap();
    let outcome = stage.run();
    assert_eq!(outcome.status(), 125);
    let Err(NotRun::NoSnapshot { failure, .. }) = outcome.command else { panic!() };
    let root = stage.storage.root().display();
    assert_eq!(
        failure.reason().hints(),
        [format!("a storage restored from A and config needs: mkdir {root}/B")]
    );
}

#[test]
fn that_the_files_are_in_use_says_nothing_new_beside_a_known_wrong_server() {
    let wrong = "wrong: a snapshot was entered, but misc/snapshot of this storage is absent: the line leads to the server of another storage";
    Stage::open()
        .owner("wrong", vec![(nothing(), Entered::Held)], vec![(nothing(), Left::Left)])
        .nobody(
            "files",
            vec![
                (nothing(), Entered::Busy(because("tool"))),
                (nothing(), Entered::Unavailable(because("open"))),
            ],
        )
        .job(|job| (job.wait, job.pause) = (LONG, Duration::from_millis(1)))
        .play(
            125,
            &[
                "wrong enters",
                "Entered snapshot using wrong",
                "wrong leaves",
                "Left snapshot mode",
                wrong,
                "files enters",
                "files: tool",
                "pause: tool",
                wrong,
                "files enters",
                "files: open",
            ],
        );
}

#[test]
fn a_server_that_ends_cleanly_while_it_is_asked_leaves_a_snapshot() {
    let stage = Stage::open();
    let end = stage.ends_server();
    let ends_cleanly: crate::stage::Deed = Box::new(move |storage, code| {
        mark("shutdown")(storage, code);
        end(storage, code);
    });
    stage.owner("zope", vec![(ends_cleanly, Entered::Unavailable(because("reset")))], vec![]).play(
        0,
        &[
            "zope enters",
            "zope: reset",
            "Locked snapshot mode",
            "COMMAND runs",
            "Unlocked snapshot mode",
        ],
    );
}
