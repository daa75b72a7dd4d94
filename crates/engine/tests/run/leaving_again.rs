//! Tries to leave after one that failed: how many, for how long, by which lines.

use std::fs;
use std::time::{Duration, Instant};

use dsnap_core::method::{Entered, Left};
use dsnap_engine::run::job::CommandEnd;
use dsnap_engine::system::flock::FileLock;

use crate::support::{Scenario, because, enter, journal, leave, nothing, write_snapshot};

#[test]
fn a_leave_that_panics_is_a_failed_try_and_leaving_goes_on() {
    Scenario::open()
        .server_method(
            "zope",
            vec![(enter(), Entered::Held)],
            vec![(Box::new(|_, _| panic!("on purpose")), Left::Left), (leave(), Left::Left)],
        )
        .play(
            0,
            journal().entered("zope").command_runs().lines(&[
                "zope leaves",
                "zope leaves",
                "left at try 2, after: zope: the method `zope` panicked",
                "Left snapshot mode",
            ]),
        );
}

#[test]
fn each_call_is_announced_with_its_time_and_each_try_to_leave_with_its_number() {
    let lost = (nothing(), Left::Failed(because("lost")));
    let scenario = Scenario::open()
        .server_method("zope", vec![(enter(), Entered::Held)], vec![lost, (leave(), Left::Left)])
        .file_method("files", vec![]);
    scenario.run();
    let announced = [
        "asking zope (up to 5 min)",
        "leaving: asking zope (up to 15 s)",
        "leaving, try 2: asking zope (up to 15 s)",
    ];
    assert_eq!(scenario.announced(), announced);
    let scenario =
        Scenario::closed().file_method("files", vec![(write_snapshot("shutdown"), Entered::Done)]);
    scenario.run();
    assert_eq!(scenario.announced(), ["using files"]);
}

#[test]
fn leaving_is_tried_again_by_every_line_that_asks_a_server() {
    let refuse = || (nothing(), Left::Failed(because("lost")));
    Scenario::open()
        .server_method("one", vec![(enter(), Entered::Held)], vec![refuse(), (leave(), Left::Left)])
        .server_method("two", vec![], vec![refuse()])
        .play(
            0,
            journal().entered("one").command_runs().lines(&[
                "one leaves",
                "two leaves",
                "one leaves",
                "left at try 2, after: one: lost",
                "Left snapshot mode",
            ]),
        );
}

/// Returns for how long a run tries to leave by a line that always refuses.
fn patience(words: &str, leave_retry: Duration) -> Duration {
    let refused = || (nothing(), Left::Refused(because("401")));
    let refusals = (0..100).map(|_| refused()).collect();
    let scenario = Scenario::open()
        .server_method("zope", vec![(enter(), Entered::Held)], refusals)
        .words(words)
        .job(|job| job.timing.leave_retry = leave_retry)
        .job(|job| job.timing.leave_pause = Duration::from_millis(50));
    let began = Instant::now();
    assert_eq!(scenario.run().status(), 122);
    began.elapsed()
}

#[test]
fn leaving_is_tried_again_for_as_long_as_the_run_allows() {
    let limit = Duration::from_millis(500);
    assert!(patience("", limit) >= limit);
}

#[test]
fn leaving_by_a_line_with_a_timeout_is_tried_again_for_three_times_that_time() {
    assert!(patience("timeout=0.2", Duration::ZERO) >= Duration::from_millis(600));
}

#[test]
fn a_run_that_cannot_lock_the_sublock_leaves_by_every_line() {
    let scenario = Scenario::open()
        .server_method(
            "one",
            vec![(enter(), Entered::Held)],
            vec![(nothing(), Left::Refused(because("401")))],
        )
        .server_method(
            "two",
            vec![(nothing(), Entered::Refused(because("401")))],
            vec![(leave(), Left::Left)],
        );
    let _holder = FileLock::take(&scenario.storage.sublock()).unwrap();
    let outcome = scenario.run();
    assert_eq!(outcome.status(), 75, "{outcome:#?}");
    let said = scenario.said();
    assert_eq!(said[2..5], ["one leaves", "two leaves", "Left snapshot mode"], "{said:?}");
}

#[test]
fn leaving_is_not_tried_again_where_only_a_restart_ends_the_snapshot() {
    let refuse = || (nothing(), Left::Refused(because("`startup`")));
    // A second leave would be one that the scenario does not expect.
    let scenario = Scenario::open()
        .server_method("zope", vec![(enter(), Entered::Held)], vec![refuse()])
        .command(|storage| {
            // Another server takes the lock, later than the clock of the file system ticks.
            std::thread::sleep(std::time::Duration::from_millis(20));
            fs::write(storage.lock(), " 4711\n").unwrap();
            CommandEnd::Exited(0)
        });
    let outcome = scenario.run();
    assert_eq!(outcome.status(), 122);
    let restart = "restart that server while no tool uses a snapshot: it was restarted during this one, and cannot leave it";
    assert_eq!(outcome.not_left[0].hints(), [restart]);
}
