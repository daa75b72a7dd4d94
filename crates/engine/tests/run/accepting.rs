//! `--accept-existing`: somebody else's snapshot, on request, with its age.

use std::fs;
use std::time::Duration;

use dsnap_core::method::Entered;
use dsnap_engine::run::job::CommandEnd;

use crate::support::{NOTHING, Scenario, because, journal, nothing, reason};

const DAY: Duration = Duration::from_secs(86400);

fn with_snapshot(scenario: Scenario, content: &str) -> Scenario {
    fs::write(scenario.storage.snapshot(), content).unwrap();
    scenario.job(|job| job.accept_existing = Some(DAY))
}

#[test]
fn a_snapshot_entered_by_someone_else_is_not_left() {
    let scenario = with_snapshot(Scenario::open(), "user/somebody-else");
    scenario.play(0, journal().line("Using the existing snapshot `user/somebody-else`, 0 s old: later transactions are not in it").command_runs());
    assert_eq!(fs::read_to_string(scenario.storage.snapshot()).unwrap(), "user/somebody-else");
}

#[test]
fn an_existing_snapshot_older_than_allowed_is_not_used() {
    let scenario = with_snapshot(Scenario::open(), "user/somebody-else");
    let scenario = scenario.job(|job| job.accept_existing = Some(Duration::ZERO));
    scenario.play(75, NOTHING);
}

#[test]
fn a_snapshot_dated_ahead_of_the_file_systems_clock_is_of_unknown_age_and_not_accepted() {
    let scenario = with_snapshot(Scenario::open(), "user/somebody-else");
    let file = fs::File::options().write(true).open(scenario.storage.snapshot()).unwrap();
    file.set_modified(std::time::SystemTime::now() + DAY).unwrap();
    let outcome = scenario.play(75, NOTHING);
    assert!(reason(&outcome).contains("at an unknown time"), "{outcome:?}");
}

#[test]
fn a_shutdown_that_is_not_fresh_is_acceptable() {
    let scenario = with_snapshot(Scenario::closed(), "shutdown");
    fs::write(scenario.storage.b().join("o0000000000000000.c"), "").unwrap();
    scenario.play(
        0,
        journal()
            .line(
                "Using the existing snapshot `shutdown`, 0 s old: later transactions are not in it",
            )
            .command_runs(),
    );
}

#[test]
fn a_storage_without_a_snapshot_is_never_accepted() {
    with_snapshot(Scenario::closed(), "packing").play(125, NOTHING);
    with_snapshot(Scenario::closed(), "").play(125, NOTHING);
}

#[test]
fn the_methods_are_tried_first() {
    let scenario = Scenario::open().server_method(
        "zope",
        vec![(nothing(), Entered::Refused(because("401")))],
        vec![],
    );
    with_snapshot(scenario, "user/somebody-else").play(0, journal().lines(&["zope enters", "zope: 401", "Using the existing snapshot `user/somebody-else`, 0 s old: later transactions are not in it"]).command_runs());
}

const ACCEPTED: &str =
    "Using the existing snapshot `user/somebody-else`, 0 s old: later transactions are not in it";

#[test]
fn a_server_that_is_started_meanwhile_is_reported_in_every_snapshot() {
    let scenario = with_snapshot(Scenario::closed(), "user/somebody-else").command(|storage| {
        fs::write(storage.lock(), " 4711\n").unwrap();
        CommandEnd::Exited(0)
    });
    scenario.play(0, journal().line(ACCEPTED).command_runs().line("a server was started while the snapshot was in use; it cannot write to A/ until it is restarted"));
}

#[test]
fn a_server_that_was_running_before_is_not_reported_as_started() {
    let scenario = with_snapshot(Scenario::open(), "shutdown");
    scenario.play(
        0,
        journal()
            .line(
                "Using the existing snapshot `shutdown`, 0 s old: later transactions are not in it",
            )
            .command_runs(),
    );
}
