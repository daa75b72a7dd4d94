//! Once a method held the storage, it is left: in order, on every way out, until confirmed.

use std::fs;

use dsnap_core::method::{Entered, Left};
use dsnap_engine::record::evidence::Evidence;
use dsnap_engine::record::run_lock::RunLock;
use dsnap_engine::run::job::CommandEnd;
use dsnap_engine::system::flock::FileLock;

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

#[test]
fn a_wrong_server_is_left_even_if_nobody_has_this_storage_open_any_more() {
    let stage = Stage::open();
    let end = stage.ends_server();
    let stage = stage.owner("wrong", vec![(end, Entered::Held)], vec![(nothing(), Left::Left)]);
    stage.play(125, &[
        "wrong enters",
        "Entered snapshot using wrong",
        "wrong leaves",
        "Left snapshot mode",
        "wrong: a snapshot was entered, but misc/snapshot of this storage is absent: the line leads to the server of another storage",
    ]);
}

#[test]
fn a_wrong_server_may_be_left_by_another_line_but_its_own_confirms_it() {
    let refuse = || (nothing(), Left::Refused(because("401")));
    Stage::open()
        .owner("wrong", vec![(nothing(), Entered::Held)], vec![refuse(), (nothing(), Left::Left)])
        .owner(
            "right",
            vec![(enter(), Entered::Held)],
            vec![(nothing(), Left::Left), (leave(), Left::Left)],
        )
        .play(0, &[
            "wrong enters",
            "Entered snapshot using wrong",
            "wrong leaves",
            "right leaves",
            "wrong leaves",
            "Left snapshot mode (at try 2)",
            "wrong: a snapshot was entered, but misc/snapshot of this storage is absent: the line leads to the server of another storage",
            "right enters",
            "Entered snapshot using right",
            "Locked snapshot mode",
            "COMMAND runs",
            "Unlocked snapshot mode",
            "right leaves",
            "Left snapshot mode",
        ]);
}

#[test]
fn a_wrong_server_that_cannot_be_left_is_named_and_the_status_is_122_whatever_came_after() {
    let refuse = || (nothing(), Left::Refused(because("401")));
    let no_help = || (nothing(), Left::Left);
    let stage = Stage::open()
        .owner("wrong", vec![(nothing(), Entered::Held)], (0..3).map(|_| refuse()).collect())
        .owner(
            "right",
            vec![(enter(), Entered::Held)],
            vec![no_help(), no_help(), no_help(), (leave(), Left::Left)],
        );
    let outcome = stage.run();
    assert_eq!(outcome.status(), 122, "{outcome:?}");
    let not_left = outcome.not_left.unwrap();
    let (what, why) = not_left.text().split_once(" user/").unwrap();
    assert_eq!(what, "the server at wrong (another storage) is still in the snapshot");
    let (code, why) = why.split_once(": ").unwrap();
    assert_eq!(why, "401");
    assert_eq!(
        not_left.hints(),
        [format!(
            "restart that server, or run on its machine, DIR being its storage: dsnap --storage DIR --recover --code {code}"
        )]
    );
    assert!(stage.said().contains(&not_left.text().to_owned()), "said at once, too");
    let records = RunLock::take(&stage.storage).unwrap().records();
    assert_eq!((records.len(), records[0].evidence), (1, Evidence::Elsewhere));
}

#[test]
fn a_sublock_that_cannot_be_had_does_not_keep_the_other_lines_from_leaving() {
    let stage = Stage::open()
        .owner(
            "one",
            vec![(enter(), Entered::Held)],
            vec![(nothing(), Left::Refused(because("401")))],
        )
        .owner(
            "two",
            vec![(nothing(), Entered::Refused(because("401")))],
            vec![(leave(), Left::Left)],
        );
    let _holder = FileLock::take(&stage.storage.sublock()).unwrap();
    let outcome = stage.run();
    assert_eq!(outcome.status(), 75, "{outcome:#?}");
    let said = stage.said();
    assert_eq!(said[2..5], ["one leaves", "two leaves", "Left snapshot mode"], "{said:?}");
}

#[test]
fn where_only_a_restart_ends_it_no_repair_is_suggested() {
    let refuse = || (nothing(), Left::Refused(because("`startup`")));
    let stage = Stage::open()
        .owner("zope", vec![(enter(), Entered::Held)], vec![refuse(), refuse(), refuse()])
        .command(|storage| {
            // Another server takes the lock, later than the clock of the file system ticks.
            std::thread::sleep(std::time::Duration::from_millis(20));
            fs::write(storage.lock(), " 4711\n").unwrap();
            CommandEnd::Exited(0)
        });
    let outcome = stage.run();
    assert_eq!(outcome.status(), 122);
    assert!(outcome.not_left.unwrap().hints().is_empty());
}
