//! Once a method held the storage, it is left: in order, on every way out, until confirmed.

use std::fs;

use dsnap_core::job::CommandEnd;
use dsnap_core::lock::FileLock;
use dsnap_core::method::{Entered, Left};

use crate::stage::{Stage, because, enter, leave, mark, nothing};

#[test]
fn an_ordinary_run_prints_exactly_entered_locked_unlocked_left() {
    Stage::open()
        .owner("zope", vec![(enter(), Entered::Held)], vec![(leave(), Left::Left)])
        .command(|_| CommandEnd::Exited(3))
        .play(
            3,
            &[
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
fn without_command_the_storage_is_entered_and_left_all_the_same() {
    Stage::open()
        .owner("zope", vec![(enter(), Entered::Held)], vec![(leave(), Left::Left)])
        .job(|job| job.command = None)
        .play(
            0,
            &[
                "zope enters",
                "Entered snapshot using zope",
                "Locked snapshot mode",
                "Unlocked snapshot mode",
                "zope leaves",
                "Left snapshot mode",
            ],
        );
}

#[test]
fn a_command_that_is_not_found_leaves_the_snapshot() {
    let stage = Stage::open()
        .owner("zope", vec![(enter(), Entered::Held)], vec![(leave(), Left::Left)])
        .command(|_| CommandEnd::NotFound(std::io::ErrorKind::NotFound.into()));
    stage.play(
        127,
        &[
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
fn a_panic_while_command_runs_leaves_the_snapshot() {
    let stage = Stage::open()
        .owner("zope", vec![(enter(), Entered::Held)], vec![(leave(), Left::Left)])
        .command(|_| panic!("on purpose"));
    let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| stage.play(0, &[])));
    assert!(played.is_err());
    assert!(!stage.storage.snapshot().exists());
    stage.nothing_is_held();
}

#[test]
fn a_signal_before_command_leaves_and_is_the_status() {
    Stage::open()
        .owner("zope", vec![(enter(), Entered::Held)], vec![(leave(), Left::Left)])
        .stopped_at("Locked")
        .play(
            143,
            &[
                "zope enters",
                "Entered snapshot using zope",
                "Locked snapshot mode",
                "Unlocked snapshot mode",
                "zope leaves",
                "Left snapshot mode",
            ],
        );
}

#[test]
fn a_signal_while_entering_leaves_what_was_entered() {
    Stage::open()
        .owner("zope", vec![(enter(), Entered::Held)], vec![(leave(), Left::Left)])
        .stopped_at("Entered")
        .play(
            143,
            &[
                "zope enters",
                "Entered snapshot using zope",
                "Locked snapshot mode",
                "Unlocked snapshot mode",
                "zope leaves",
                "Left snapshot mode",
            ],
        );
}

#[test]
fn a_signal_while_leaving_changes_no_status() {
    Stage::open()
        .owner("zope", vec![(enter(), Entered::Held)], vec![(leave(), Left::Left)])
        .stopped_at("Unlocked")
        .play(
            0,
            &[
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
fn leaving_is_tried_again_and_by_every_other_line_that_works_with_an_owner() {
    let refuse = || (nothing(), Left::Failed(because("lost")));
    Stage::open()
        .owner("one", vec![(enter(), Entered::Held)], vec![refuse(), (leave(), Left::Left)])
        .owner("two", vec![], vec![refuse()])
        .play(
            0,
            &[
                "one enters",
                "Entered snapshot using one",
                "Locked snapshot mode",
                "COMMAND runs",
                "Unlocked snapshot mode",
                "one leaves",
                "two leaves",
                "one leaves",
                "Left snapshot mode (at try 2)",
            ],
        );
}

#[test]
fn the_confirmation_is_the_file_and_not_the_answer() {
    let stage = Stage::open().owner(
        "zope",
        vec![(enter(), Entered::Held)],
        vec![(nothing(), Left::Left), (leave(), Left::Failed(because("lost")))],
    );
    stage.play(
        0,
        &[
            "zope enters",
            "Entered snapshot using zope",
            "Locked snapshot mode",
            "COMMAND runs",
            "Unlocked snapshot mode",
            "zope leaves",
            "zope leaves",
            "Left snapshot mode (at try 2)",
        ],
    );
}

#[test]
fn what_cannot_be_left_is_122_with_storage_code_and_reason() {
    let refuse = || (nothing(), Left::Refused(because("`startup`")));
    let stage = Stage::open().owner(
        "zope",
        vec![(enter(), Entered::Held)],
        vec![refuse(), refuse(), refuse()],
    );
    let outcome = stage.play(
        122,
        &[
            "zope enters",
            "Entered snapshot using zope",
            "Locked snapshot mode",
            "COMMAND runs",
            "Unlocked snapshot mode",
            "zope leaves",
            "zope leaves",
            "zope leaves",
        ],
    );
    let text = outcome.not_left.unwrap().text().to_owned();
    let root = stage.storage.root().display().to_string();
    let code = fs::read_to_string(stage.storage.snapshot()).unwrap();
    assert_eq!(text, format!("{root} is still in snapshot mode (code {code}): `startup`"));
}

#[test]
fn when_the_server_ended_meanwhile_nothing_is_frozen() {
    let stage = Stage::closed().owner("zope", vec![(enter(), Entered::Held)], vec![]);
    let server = FileLock::take(&stage.storage.lock()).unwrap();
    let server = std::cell::Cell::new(Some(server));
    let stage = stage.command(move |_| {
        drop(server.take());
        CommandEnd::Exited(7)
    });
    stage.play(
        7,
        &[
            "zope enters",
            "Entered snapshot using zope",
            "Locked snapshot mode",
            "COMMAND runs",
            "Unlocked snapshot mode",
            "the server ended while the snapshot was in use; nothing is left frozen",
        ],
    );
}

#[test]
fn an_enter_that_closed_the_storage_is_always_left() {
    let stage = Stage::closed().owner(
        "stopper",
        vec![(mark("shutdown"), Entered::Held)],
        vec![(nothing(), Left::Left)],
    );
    let server = FileLock::take(&stage.storage.lock()).unwrap();
    let server = std::cell::Cell::new(Some(server));
    let stage = stage.command(move |_| {
        drop(server.take());
        CommandEnd::Exited(0)
    });
    stage.play(
        0,
        &[
            "stopper enters",
            "Entered snapshot using stopper",
            "Locked snapshot mode",
            "COMMAND runs",
            "Unlocked snapshot mode",
            "stopper leaves",
            "Left snapshot mode",
        ],
    );
}

#[test]
fn a_sublock_that_cannot_be_had_leaves_before_reporting() {
    let stage =
        Stage::open().owner("zope", vec![(enter(), Entered::Held)], vec![(leave(), Left::Left)]);
    let _holder = FileLock::take(&stage.storage.sublock()).unwrap();
    let outcome = stage.run();
    assert_eq!(outcome.status(), 75, "{outcome:#?}");
    assert!(!stage.storage.snapshot().exists());
}
