//! `--max-hold` before COMMAND: a snapshot that took too long to enter is left, and not used.

use std::time::Duration;

use dsnap_core::method::{Entered, Left};
use dsnap_engine::run::job::Outcome;

use crate::support::{Scenario, SideEffect, because, enter, leave, nothing, reason};

const MAX_HOLD: Duration = Duration::from_secs(2);
const SOON: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(60);

/// Does the same, but takes longer than a snapshot may last.
fn slowly(deed: SideEffect) -> SideEffect {
    Box::new(move |storage, code| {
        std::thread::sleep(MAX_HOLD);
        deed(storage, code);
    })
}

/// A run with a limit that tries for a while.
fn limited(enters: Vec<(SideEffect, Entered)>, leaves: Vec<(SideEffect, Left)>) -> Scenario {
    let scenario = Scenario::open().server_method("zope", enters, leaves);
    scenario.job(|job| {
        (job.max_hold, job.wait, job.pause) = (Some(MAX_HOLD), LONG, SOON);
    })
}

#[track_caller]
fn assert_over(outcome: &Outcome) {
    assert_eq!(outcome.status(), 75, "{outcome:#?}");
    let reason = reason(outcome);
    assert!(reason.starts_with("entering took 2."), "{reason}");
    assert!(reason.ends_with(", but the snapshot may last only 2.0 s (--max-hold)"), "{reason}");
}

fn count(scenario: &Scenario, words: &str) -> usize {
    scenario.said().iter().filter(|line| *line == words).count()
}

fn lost() -> Entered {
    Entered::Unknown(because("no answer"))
}

#[test]
fn a_snapshot_that_took_too_long_to_enter_is_left_before_command() {
    let enters = vec![(slowly(enter()), Entered::Held)];
    let scenario = limited(enters, vec![(leave(), Left::Left)]).job(|job| job.wait = SOON);
    assert_over(&scenario.run());
    let said = scenario.said();
    assert!(!said.contains(&"COMMAND runs".to_owned()), "{said:?}");
    assert!(
        said.ends_with(&["zope leaves".to_owned(), "Left snapshot mode".to_owned()]),
        "{said:?}"
    );
    scenario.assert_no_locks();
}

#[test]
fn another_try_has_all_the_time_again() {
    let enters = vec![(slowly(enter()), Entered::Held), (enter(), Entered::Held)];
    let scenario = limited(enters, vec![(leave(), Left::Left), (leave(), Left::Left)]);
    assert_eq!(scenario.run().status(), 0);
    assert_eq!((count(&scenario, "zope enters"), count(&scenario, "COMMAND runs")), (2, 1));
}

#[test]
fn a_snapshot_that_could_not_be_left_is_reported_at_once() {
    let failed = || (nothing(), Left::Failed(because("silent")));
    let enters = vec![(slowly(enter()), Entered::Held)];
    let scenario = limited(enters, (0..100).map(|_| failed()).collect());
    let outcome = scenario.run();
    assert_over(&outcome);
    assert!(!outcome.not_left.is_empty(), "{outcome:#?}");
}

#[test]
fn an_enter_without_an_answer_counts_for_the_next_try_under_its_code() {
    let enters =
        vec![(slowly(nothing()), lost()), (enter(), Entered::Held), (enter(), Entered::Held)];
    let scenario = limited(enters, vec![(leave(), Left::Left), (leave(), Left::Left)]);
    assert_eq!(scenario.run().status(), 0);
    // The second try is over as soon as it holds the snapshot, and the third has a new code.
    assert_eq!(count(&scenario, "zope enters"), 3);
    assert_eq!(count(&scenario, "zope leaves"), 2);
    assert_eq!(count(&scenario, "COMMAND runs"), 1);
}

#[test]
fn a_line_that_did_not_work_does_not_count() {
    let silent = (slowly(nothing()), Entered::Unavailable(because("silent")));
    let scenario = Scenario::open()
        .server_method("one", vec![silent], Vec::new())
        .server_method("two", vec![(enter(), Entered::Held)], vec![(leave(), Left::Left)])
        .job(|job| job.max_hold = Some(MAX_HOLD));
    assert_eq!(scenario.run().status(), 0);
}
