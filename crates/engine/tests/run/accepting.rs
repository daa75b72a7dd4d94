//! `--accept-existing`: somebody else's snapshot, on request, with its age.

use std::fs;
use std::time::Duration;

use dsnap_core::method::Entered;
use dsnap_engine::run::job::CommandEnd;

use crate::stage::{Stage, because, nothing};

const DAY: Duration = Duration::from_secs(86400);

fn with_snapshot(stage: Stage, content: &str) -> Stage {
    fs::write(stage.storage.snapshot(), content).unwrap();
    stage.job(|job| job.accept_existing = Some(DAY))
}

#[test]
fn a_snapshot_of_somebody_else_is_used_and_not_left() {
    let stage = with_snapshot(Stage::open(), "user/somebody-else");
    stage.play(0, &[
        "Using the existing snapshot `user/somebody-else`, 0 s old: later transactions are not in it",
        "Locked snapshot mode",
        "COMMAND runs",
        "Unlocked snapshot mode",
    ]);
    assert_eq!(fs::read_to_string(stage.storage.snapshot()).unwrap(), "user/somebody-else");
}

#[test]
fn an_older_one_than_allowed_is_not() {
    let stage = with_snapshot(Stage::open(), "user/somebody-else");
    let stage = stage.job(|job| job.accept_existing = Some(Duration::ZERO));
    stage.play(75, &[]);
}

#[test]
fn a_shutdown_that_is_not_fresh_is_acceptable() {
    let stage = with_snapshot(Stage::closed(), "shutdown");
    fs::write(stage.storage.b().join("o0000000000000000.c"), "").unwrap();
    stage.play(
        0,
        &[
            "Using the existing snapshot `shutdown`, 0 s old: later transactions are not in it",
            "Locked snapshot mode",
            "COMMAND runs",
            "Unlocked snapshot mode",
        ],
    );
}

#[test]
fn what_is_no_snapshot_is_never_acceptable() {
    with_snapshot(Stage::closed(), "packing").play(125, &[]);
    with_snapshot(Stage::closed(), "").play(125, &[]);
}

#[test]
fn the_methods_are_tried_first() {
    let stage =
        Stage::open().owner("zope", vec![(nothing(), Entered::Refused(because("401")))], vec![]);
    with_snapshot(stage, "user/somebody-else").play(0, &[
        "zope enters",
        "zope: 401",
        "Using the existing snapshot `user/somebody-else`, 0 s old: later transactions are not in it",
        "Locked snapshot mode",
        "COMMAND runs",
        "Unlocked snapshot mode",
    ]);
}

const ACCEPTED: &str =
    "Using the existing snapshot `user/somebody-else`, 0 s old: later transactions are not in it";

#[test]
fn a_server_that_comes_up_meanwhile_is_told_of_whatever_the_snapshot_is() {
    let stage = with_snapshot(Stage::closed(), "user/somebody-else").command(|storage| {
        fs::write(storage.lock(), " 4711\n").unwrap();
        CommandEnd::Exited(0)
    });
    stage.play(0, &[
        ACCEPTED,
        "Locked snapshot mode",
        "COMMAND runs",
        "Unlocked snapshot mode",
        "a server was started while the snapshot was in use; it cannot write to A/ until it is restarted",
    ]);
}

#[test]
fn a_server_that_was_there_before_did_not_come_up() {
    let stage = with_snapshot(Stage::open(), "shutdown");
    stage.play(
        0,
        &[
            "Using the existing snapshot `shutdown`, 0 s old: later transactions are not in it",
            "Locked snapshot mode",
            "COMMAND runs",
            "Unlocked snapshot mode",
        ],
    );
}
