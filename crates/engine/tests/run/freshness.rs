//! COMMAND runs only in a snapshot that is fresh: the rows of the table, with the order around
//! them.

use std::fs;
use std::sync::{Arc, Mutex};

use dsnap_core::method::{Entered, Left};
use dsnap_engine::run::job::CommandEnd;
use dsnap_engine::system::flock::FileLock;

use crate::support::{
    NOTHING, Scenario, SideEffect, because, enter, journal, leave, nothing, ordinary_run, reason,
    write_snapshot,
};

#[test]
fn a_server_of_another_storage_is_left_named_and_the_next_line_is_tried() {
    Scenario::open()
        .server_method("wrong", vec![(nothing(), Entered::Held)], vec![(nothing(), Left::Left)])
        .server_method("right", vec![(enter(), Entered::Held)], vec![(leave(), Left::Left)])
        .play(0, journal().entered("wrong").left("wrong").line("wrong: a snapshot was entered, but misc/snapshot of this storage is absent: the line leads to the server of another storage, or its method did nothing").ordinary_run("right"));
}

#[test]
fn a_server_that_cannot_write_its_code_is_left_and_not_taken_for_that_of_another_storage() {
    let scenario = Scenario::open().server_method(
        "zope",
        vec![(write_snapshot(""), Entered::Held)],
        vec![(leave(), Left::Left)],
    );
    assert_eq!(scenario.run().status(), 125);
    let unwritten =
        "zope: a snapshot was entered, but misc/snapshot is empty: the server cannot write to it";
    assert!(scenario.said().contains(&unwritten.to_owned()), "{:?}", scenario.said());
    assert!(!scenario.storage.snapshot().exists());
}

#[test]
fn a_storage_that_a_method_closed_is_fresh_and_is_not_left() {
    Scenario::closed()
        .file_method("files", vec![(write_snapshot("shutdown"), Entered::Done)])
        .play(0, journal().entered("files").command_runs());
}

#[test]
fn a_server_that_starts_after_done_costs_one_more_try() {
    let done = |content| (write_snapshot(content), Entered::Done);
    Scenario::closed()
        .file_method("files", vec![done("packing"), done("shutdown")])
        .play(0, journal().entered("files").entered("files").command_runs());
}

#[test]
fn a_server_that_starts_after_done_and_has_its_lock_costs_one_more_try() {
    let server = Arc::new(Mutex::new(None));
    let ends = Arc::clone(&server);
    let comes_up: SideEffect = Box::new(move |storage, _| {
        *server.lock().unwrap() = Some(FileLock::take(&storage.sublock()).unwrap());
    });
    let closes: SideEffect = Box::new(move |storage, code| {
        drop(ends.lock().unwrap().take());
        write_snapshot("shutdown")(storage, code);
    });
    Scenario::closed()
        .file_method("files", vec![(comes_up, Entered::Done), (closes, Entered::Done)])
        .play(0, journal().entered("files").entered("files").command_runs());
}

#[test]
fn a_line_that_was_passed_over_is_tried_once_a_server_has_opened_the_storage() {
    let server = Arc::new(Mutex::new(None));
    let its_lock = Arc::clone(&server);
    let comes_up: SideEffect = Box::new(move |storage, _| {
        *its_lock.lock().unwrap() = Some(FileLock::take(&storage.lock()).unwrap());
    });
    Scenario::closed()
        .server_method("zope", vec![(enter(), Entered::Held)], vec![(leave(), Left::Left)])
        .file_method("files", vec![(comes_up, Entered::Refused(because("in use")))])
        .play(
            0,
            journal()
                .lines(&["zope: no process has this storage open", "files enters", "files: in use"])
                .ordinary_run("zope"),
        );
}

#[test]
fn after_done_twice_without_a_snapshot_the_next_line_is_tried() {
    let done = |content| (write_snapshot(content), Entered::Done);
    Scenario::closed()
        .file_method("files", vec![done("packing"), done("packing")])
        .file_method("others", vec![(write_snapshot("shutdown"), Entered::Done)])
        .play(0, journal().entered("files").entered("files").line("files: the storage was closed, but then misc/snapshot was `packing`: a server opened the storage meanwhile").entered("others").command_runs());
}

#[test]
fn a_cleanly_closed_storage_is_fresh_without_a_method() {
    let scenario = Scenario::closed();
    fs::write(scenario.storage.snapshot(), "shutdown").unwrap();
    scenario.play(0, journal().command_runs());
}

#[test]
fn a_closed_storage_with_a_committed_transaction_in_the_journal_is_stale() {
    let scenario = Scenario::closed();
    fs::write(scenario.storage.snapshot(), "shutdown").unwrap();
    fs::create_dir(scenario.storage.journal().join("working_0000000000000001_done")).unwrap();
    let outcome = scenario.play(125, NOTHING);
    assert!(reason(&outcome).contains("transactions were committed that are not in A/"));
}

#[test]
fn an_old_snapshot_is_refused_where_no_method_worked() {
    let scenario = Scenario::closed();
    fs::write(scenario.storage.snapshot(), "user/db-1-killed").unwrap();
    let outcome = scenario.play(125, NOTHING);
    assert!(reason(&outcome).contains("was left in the snapshot `user/db-1-killed`"));
}

#[test]
fn a_storage_without_a_snapshot_is_refused() {
    for (content, status) in [("packing", 125), ("", 125), ("nonsense", 125)] {
        let scenario = Scenario::closed();
        fs::write(scenario.storage.snapshot(), content).unwrap();
        scenario.play(status, NOTHING);
    }
    Scenario::closed().play(125, NOTHING);
    let scenario = Scenario::closed();
    fs::create_dir(scenario.storage.snapshot()).unwrap();
    scenario.play(125, NOTHING);
}

#[test]
fn files_that_direct_refused_are_not_used_even_after_a_clean_stop() {
    let scenario = Scenario::closed()
        .file_method("files", vec![(nothing(), Entered::Refused(because("strange")))]);
    fs::write(scenario.storage.snapshot(), "shutdown").unwrap();
    let outcome = scenario.play(125, ["files enters", "files: strange"]);
    assert_eq!(reason(&outcome), "strange");
}

#[test]
fn another_snapshot_of_a_running_server_is_in_use_whatever_the_lines_said() {
    let scenario = Scenario::open().server_method(
        "zope",
        vec![(nothing(), Entered::Refused(because("401")))],
        vec![],
    );
    fs::write(scenario.storage.snapshot(), "user/somebody-else").unwrap();
    let outcome = scenario.play(75, ["zope enters", "zope: 401"]);
    assert!(reason(&outcome).contains("is in the snapshot `user/somebody-else`"), "{outcome:?}");
}

#[test]
fn packing_under_a_server_is_in_use() {
    let scenario = Scenario::open();
    fs::write(scenario.storage.snapshot(), "packing").unwrap();
    scenario.play(75, NOTHING);
}

#[test]
fn a_snapshot_file_that_vanishes_while_command_runs_breaks_the_guarantee() {
    let scenario = Scenario::open()
        .server_method("zope", vec![(enter(), Entered::Held)], vec![(nothing(), Left::Left)])
        .command(|storage| {
            fs::remove_file(storage.snapshot()).unwrap();
            CommandEnd::Exited(1)
        });
    let outcome = scenario.play(122, ordinary_run("zope"));
    assert!(outcome.broken[0].text().starts_with("the guarantee was broken: "));
}

#[test]
fn a_sublock_that_is_replaced_while_command_runs_breaks_the_guarantee() {
    let scenario = Scenario::closed()
        .file_method("files", vec![(write_snapshot("shutdown"), Entered::Done)])
        .command(|storage| {
            fs::remove_file(storage.sublock()).unwrap();
            fs::write(storage.sublock(), "").unwrap();
            CommandEnd::Exited(0)
        });
    scenario.play(122, journal().entered("files").command_runs());
}

#[test]
fn a_server_that_was_started_on_a_closed_storage_in_use_is_reported() {
    let scenario = Scenario::closed()
        .file_method("files", vec![(write_snapshot("shutdown"), Entered::Done)])
        .command(|storage| {
            fs::write(storage.lock(), " 4711\n").unwrap();
            CommandEnd::Exited(5)
        });
    scenario.play(5, journal().entered("files").command_runs().line("a server was started while the snapshot was in use; it cannot write to A/ until it is restarted"));
}
