//! COMMAND runs only in a snapshot that is fresh: the rows of the table, with the order around
//! them.

use std::fs;

use dsnap_core::method::{Entered, Left};
use dsnap_engine::run::job::CommandEnd;
use dsnap_engine::system::flock::FileLock;

use crate::stage::{Stage, because, enter, leave, mark, nothing, reason};

#[test]
fn a_server_of_another_storage_is_left_named_and_the_next_line_is_tried() {
    Stage::open()
        .owner("wrong", vec![(nothing(), Entered::Held)], vec![(nothing(), Left::Left)])
        .owner("right", vec![(enter(), Entered::Held)], vec![(leave(), Left::Left)])
        .play(0, &[
            "wrong enters",
            "Entered snapshot using wrong",
            "wrong leaves",
            "Left snapshot mode",
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
fn done_and_a_complete_shutdown_is_fresh_and_nothing_is_left() {
    Stage::closed().nobody("files", vec![(mark("shutdown"), Entered::Done)]).play(
        0,
        &[
            "files enters",
            "Entered snapshot using files",
            "Locked snapshot mode",
            "COMMAND runs",
            "Unlocked snapshot mode",
        ],
    );
}

#[test]
fn after_done_a_server_that_came_up_costs_one_more_try() {
    let done = |content| (mark(content), Entered::Done);
    Stage::closed().nobody("files", vec![done("packing"), done("shutdown")]).play(
        0,
        &[
            "files enters",
            "Entered snapshot using files",
            "files enters",
            "Entered snapshot using files",
            "Locked snapshot mode",
            "COMMAND runs",
            "Unlocked snapshot mode",
        ],
    );
}

#[test]
fn after_done_a_server_that_has_its_lock_already_costs_one_more_try_too() {
    let server = std::sync::Arc::new(std::sync::Mutex::new(None));
    let ends = std::sync::Arc::clone(&server);
    let comes_up: crate::stage::Deed = Box::new(move |storage, _| {
        *server.lock().unwrap() = Some(FileLock::take(&storage.sublock()).unwrap());
    });
    let closes: crate::stage::Deed = Box::new(move |storage, code| {
        drop(ends.lock().unwrap().take());
        mark("shutdown")(storage, code);
    });
    Stage::closed().nobody("files", vec![(comes_up, Entered::Done), (closes, Entered::Done)]).play(
        0,
        &[
            "files enters",
            "Entered snapshot using files",
            "files enters",
            "Entered snapshot using files",
            "Locked snapshot mode",
            "COMMAND runs",
            "Unlocked snapshot mode",
        ],
    );
}

#[test]
fn after_done_twice_without_a_snapshot_the_next_line_is_tried() {
    let done = |content| (mark(content), Entered::Done);
    Stage::closed()
        .nobody("files", vec![done("packing"), done("packing")])
        .nobody("others", vec![(mark("shutdown"), Entered::Done)])
        .play(0, &[
            "files enters",
            "Entered snapshot using files",
            "files enters",
            "Entered snapshot using files",
            "files: the storage was closed, but then misc/snapshot was `packing`: a server opened the storage meanwhile",
            "others enters",
            "Entered snapshot using others",
            "Locked snapshot mode",
            "COMMAND runs",
            "Unlocked snapshot mode",
        ]);
}

#[test]
fn a_clean_stop_is_fresh_where_no_method_worked() {
    let stage = Stage::closed();
    fs::write(stage.storage.snapshot(), "shutdown").unwrap();
    stage.play(0, &["Locked snapshot mode", "COMMAND runs", "Unlocked snapshot mode"]);
}

#[test]
fn a_shutdown_beside_a_committed_transaction_is_not() {
    let stage = Stage::closed();
    fs::write(stage.storage.snapshot(), "shutdown").unwrap();
    fs::create_dir(stage.storage.journal().join("working_0000000000000001_done")).unwrap();
    let outcome = stage.play(125, &[]);
    assert!(reason(&outcome).contains("transactions were committed that are not in A/"));
}

#[test]
fn no_old_snapshot_by_accident_where_no_method_worked() {
    let stage = Stage::closed();
    fs::write(stage.storage.snapshot(), "user/db-1-killed").unwrap();
    let outcome = stage.play(125, &[]);
    assert!(reason(&outcome).contains("was left in the snapshot `user/db-1-killed`"));
}

#[test]
fn what_is_no_snapshot_is_refused() {
    for (content, status) in [("packing", 125), ("", 125), ("nonsense", 125)] {
        let stage = Stage::closed();
        fs::write(stage.storage.snapshot(), content).unwrap();
        stage.play(status, &[]);
    }
    Stage::closed().play(125, &[]);
    let stage = Stage::closed();
    fs::create_dir(stage.storage.snapshot()).unwrap();
    stage.play(125, &[]);
}

#[test]
fn files_that_were_refused_are_no_snapshot_even_after_a_clean_stop() {
    let stage =
        Stage::closed().nobody("files", vec![(nothing(), Entered::Refused(because("strange")))]);
    fs::write(stage.storage.snapshot(), "shutdown").unwrap();
    let outcome = stage.play(125, &["files enters", "files: strange"]);
    assert_eq!(reason(&outcome), "strange");
}

#[test]
fn another_snapshot_of_a_running_server_is_in_use_whatever_the_lines_said() {
    let stage =
        Stage::open().owner("zope", vec![(nothing(), Entered::Refused(because("401")))], vec![]);
    fs::write(stage.storage.snapshot(), "user/somebody-else").unwrap();
    let outcome = stage.play(75, &["zope enters", "zope: 401"]);
    assert!(reason(&outcome).contains("is in the snapshot `user/somebody-else`"), "{outcome:?}");
}

#[test]
fn packing_under_a_server_is_in_use() {
    let stage = Stage::open();
    fs::write(stage.storage.snapshot(), "packing").unwrap();
    stage.play(75, &[]);
}

#[test]
fn a_mark_that_goes_away_while_command_runs_breaks_the_guarantee() {
    let stage = Stage::open()
        .owner("zope", vec![(enter(), Entered::Held)], vec![(nothing(), Left::Left)])
        .command(|storage| {
            fs::remove_file(storage.snapshot()).unwrap();
            CommandEnd::Exited(1)
        });
    let outcome = stage.play(
        122,
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
    assert!(outcome.broken.unwrap().text().starts_with("the guarantee was broken: "));
}

#[test]
fn a_sublock_that_is_replaced_while_command_runs_breaks_the_guarantee() {
    let stage = Stage::closed().nobody("files", vec![(mark("shutdown"), Entered::Done)]).command(
        |storage| {
            fs::remove_file(storage.sublock()).unwrap();
            fs::write(storage.sublock(), "").unwrap();
            CommandEnd::Exited(0)
        },
    );
    stage.play(
        122,
        &[
            "files enters",
            "Entered snapshot using files",
            "Locked snapshot mode",
            "COMMAND runs",
            "Unlocked snapshot mode",
        ],
    );
}

#[test]
fn a_server_that_came_up_while_a_closed_storage_was_in_use_is_told_of() {
    let stage = Stage::closed().nobody("files", vec![(mark("shutdown"), Entered::Done)]).command(
        |storage| {
            fs::write(storage.lock(), " 4711\n").unwrap();
            CommandEnd::Exited(5)
        },
    );
    stage.play(5, &[
        "files enters",
        "Entered snapshot using files",
        "Locked snapshot mode",
        "COMMAND runs",
        "Unlocked snapshot mode",
        "a server was started while the snapshot was in use; it cannot write to A/ until it is restarted",
    ]);
}
