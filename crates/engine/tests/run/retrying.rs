//! Which lines are tried, which reasons are waited for, and what a run without success says.

use std::time::Duration;

use dsnap_core::method::{Entered, Left};
use dsnap_engine::run::job::NotRun;
use dsnap_engine::system::flock::FileLock;

use crate::support::{
    Scenario, SideEffect, because, enter, journal, leave, nothing, reason, write_snapshot,
};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(400);

/// A server that packs.
fn packing() -> (SideEffect, Entered) {
    (write_snapshot("packing"), Entered::Busy(because("packing")))
}

/// A server that has packed.
fn unpack() -> SideEffect {
    leave()
}

/// A server that recombines.
fn recombining() -> (SideEffect, Entered) {
    (nothing(), Entered::Busy(because("recombining")))
}

const RECOMBINES: &str =
    "the server is recombining (merging B/ back into A/ after a snapshot); waiting up to 1 min";

#[test]
fn a_server_that_recombines_is_waited_for_whatever_t_says_and_that_is_said_once() {
    let script = || {
        let enters = vec![recombining(), recombining(), (enter(), Entered::Held)];
        Scenario::open().server_method("zope", enters, vec![(leave(), Left::Left)])
    };
    let before = ["zope enters", "zope: recombining", RECOMBINES, "zope enters"];
    script().play(0, journal().lines(&before).ordinary_run("zope"));
    let waiting = script().job(|job| (job.wait, job.pause) = (LONG, LONG));
    waiting.play(0, journal().lines(&before).ordinary_run("zope"));
}

#[test]
fn a_server_that_recombines_for_too_long_is_in_use() {
    let script = |count: usize| {
        let enters = (0..count).map(|_| recombining()).collect();
        let scenario = Scenario::open().server_method("zope", enters, vec![]);
        scenario.job(|job| job.timing.recombining = Duration::ZERO)
    };
    let tried = ["zope enters", "zope: recombining"];
    let says =
        "the server is recombining (merging B/ back into A/ after a snapshot); waiting up to 0 s";
    let outcome = script(1).play(75, journal().lines(&tried).line(says));
    assert_eq!(reason(&outcome), "zope: recombining");
    let waiting = script(2).job(|job| (job.wait, job.pause) = (SHORT, LONG));
    let pause = "pause: zope: recombining";
    waiting.play(75, journal().lines(&tried).lines(&[says, pause, "zope enters"]));
}

#[test]
fn somebody_elses_snapshot_after_recombining_is_in_use() {
    let busy = (write_snapshot("user/somebody-else"), Entered::Busy(because("user/somebody-else")));
    let zope = Scenario::open().server_method("zope", vec![recombining(), busy], vec![]);
    let outcome = zope.run();
    assert_eq!(outcome.status(), 75);
    let expected = " is in the snapshot `user/somebody-else`, entered 0 s ago; no process is seen";
    assert!(reason(&outcome).contains(expected), "{outcome:?}");
}

#[test]
fn no_server_is_asked_while_no_process_has_the_storage_open() {
    Scenario::closed()
        .server_method("zope", vec![], vec![])
        .file_method("files", vec![(write_snapshot("shutdown"), Entered::Done)])
        .play(
            0,
            journal()
                .line("zope: no process has this storage open")
                .entered("files")
                .command_runs(),
        );
}

#[test]
fn lines_are_tried_in_order_and_each_reason_is_kept() {
    let outcome = Scenario::open()
        .server_method("one", vec![(nothing(), Entered::Refused(because("401")))], vec![])
        .server_method("two", vec![(nothing(), Entered::Failed(because("fault")))], vec![])
        .play(125, ["one enters", "one: 401", "two enters", "two: fault"]);
    assert_eq!(reason(&outcome), "one: 401");
    let Err(NotRun::NoSnapshot { others, .. }) = outcome.command else { panic!() };
    let others: Vec<_> = others.iter().map(|other| other.reason.text()).collect();
    assert_eq!(others[0], "two: fault");
    assert_eq!(others.len(), 1, "what the storage is in is no reason: {others:?}");
}

#[test]
fn a_storage_in_use_gives_status_75_also_without_waiting() {
    let outcome = Scenario::open()
        .server_method("one", vec![packing()], vec![])
        .server_method("two", vec![(nothing(), Entered::Refused(because("401")))], vec![])
        .play(75, ["one enters", "one: packing", "two enters", "two: 401"]);
    assert!(reason(&outcome).contains(" is being packed (begun "), "{outcome:?}");
}

#[test]
fn a_reason_that_can_change_is_waited_for_without_any_lock() {
    Scenario::open()
        .server_method(
            "zope",
            vec![
                packing(),
                (unpack(), Entered::Unavailable(because("silent"))),
                (enter(), Entered::Held),
            ],
            vec![(leave(), Left::Left)],
        )
        .job(|job| (job.wait, job.pause) = (LONG, SHORT))
        .play(
            0,
            journal()
                .lines(&[
                    "zope enters",
                    "zope: packing",
                    "pause: DIR is being packed",
                    "zope enters",
                    "zope: silent",
                    "pause: zope: silent",
                ])
                .ordinary_run("zope"),
        );
}

#[test]
fn a_reason_that_cannot_change_fails_at_once() {
    Scenario::open()
        .server_method("zope", vec![(nothing(), Entered::Refused(because("401")))], vec![])
        .job(|job| job.wait = LONG)
        .play(125, ["zope enters", "zope: 401"]);
}

#[test]
fn direct_finding_the_storage_open_counts_only_if_no_server_was_asked() {
    let open = || (nothing(), Entered::Unavailable(because("open")));
    Scenario::open()
        .server_method("zope", vec![(nothing(), Entered::Refused(because("401")))], vec![])
        .file_method("files", vec![open()])
        .job(|job| job.wait = LONG)
        .play(125, ["zope enters", "zope: 401", "files enters", "files: open"]);
    Scenario::open()
        .file_method("files", vec![open(), open()])
        .job(|job| (job.wait, job.pause) = (SHORT, SHORT))
        .play(125, ["files enters", "files: open", "pause: DIR is open", "files enters"]);
}

#[test]
fn the_last_try_begins_when_time_is_up() {
    Scenario::open()
        .server_method("zope", vec![packing(), packing()], vec![])
        .job(|job| (job.wait, job.pause) = (SHORT, LONG))
        .play(75, ["zope enters", "zope: packing", "pause: DIR is being packed", "zope enters"]);
}

#[test]
fn another_run_of_the_program_is_in_use() {
    let scenario = Scenario::closed();
    let _other = FileLock::take(&scenario.storage.run_lock()).unwrap();
    let outcome = scenario.run();
    assert_eq!(outcome.status(), 75);
    assert!(reason(&outcome).starts_with("another run of dsnap uses this storage"), "{outcome:?}");
}

#[test]
fn a_signal_while_waiting_ends_the_run() {
    Scenario::open()
        .server_method("zope", vec![(nothing(), Entered::Busy(because("packing")))], vec![])
        .stopped_at("zope: packing")
        .job(|job| job.wait = LONG)
        .play(143, ["zope enters", "zope: packing"]);
}

#[test]
fn direct_finding_the_storage_open_does_not_hide_a_wrong_server() {
    let wrong = "wrong: a snapshot was entered, but misc/snapshot of this storage is absent: the line leads to the server of another storage, or its method did nothing";
    Scenario::open()
        .server_method("wrong", vec![(nothing(), Entered::Held)], vec![(nothing(), Left::Left)])
        .file_method(
            "files",
            vec![
                (nothing(), Entered::Busy(because("tool"))),
                (nothing(), Entered::Unavailable(because("open"))),
            ],
        )
        .job(|job| (job.wait, job.pause) = (LONG, Duration::from_millis(1)))
        .play(
            125,
            journal().entered("wrong").left("wrong").lines(&[
                wrong,
                "files enters",
                "files: tool",
                "pause: tool",
                "files enters",
                "files: open",
            ]),
        );
}

#[test]
fn a_server_that_ends_cleanly_while_it_is_asked_leaves_a_snapshot() {
    let scenario = Scenario::open();
    let end = scenario.ends_server();
    let ends_cleanly: SideEffect = Box::new(move |storage, code| {
        write_snapshot("shutdown")(storage, code);
        end(storage, code);
    });
    scenario
        .server_method("zope", vec![(ends_cleanly, Entered::Unavailable(because("reset")))], vec![])
        .play(0, journal().lines(&["zope enters", "zope: reset"]).command_runs());
}
