//! Leaving: once a method has entered, it leaves in order, on every way out, until confirmed.

use std::fs;

use dsnap_core::method::{Entered, Left, Status};
use dsnap_engine::record::evidence::Evidence;
use dsnap_engine::record::run_lock::RunLock;
use dsnap_engine::run::job::CommandEnd;
use dsnap_engine::storage::Storage;
use dsnap_engine::system::flock::FileLock;

use crate::support::{
    NOTHING, Scenario, because, enter, holds, journal, leave, nothing, ordinary_run, records,
    write_snapshot,
};

#[test]
fn an_ordinary_run_prints_exactly_entered_locked_unlocked_left() {
    Scenario::open()
        .server_method("zope", vec![(enter(), Entered::Held)], vec![(leave(), Left::Left)])
        .command(|_| CommandEnd::Exited(3))
        .play(3, ordinary_run("zope"));
}

#[test]
fn without_command_the_storage_is_entered_and_left_all_the_same() {
    Scenario::open()
        .server_method("zope", vec![(enter(), Entered::Held)], vec![(leave(), Left::Left)])
        .job(|job| job.command = None)
        .play(
            0,
            journal()
                .entered("zope")
                .lines(&["Locked snapshot mode", "Unlocked snapshot mode"])
                .left("zope"),
        );
}

#[test]
fn a_command_that_is_not_found_leaves_the_snapshot() {
    let scenario = Scenario::open()
        .server_method("zope", vec![(enter(), Entered::Held)], vec![(leave(), Left::Left)])
        .command(|_| CommandEnd::NotFound(std::io::ErrorKind::NotFound.into()));
    scenario.play(127, ordinary_run("zope"));
}

#[test]
fn a_panic_while_command_runs_leaves_the_snapshot() {
    let scenario = Scenario::open()
        .server_method("zope", vec![(enter(), Entered::Held)], vec![(leave(), Left::Left)])
        .command(|_| panic!("on purpose"));
    let played =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| scenario.play(0, NOTHING)));
    assert!(played.is_err());
    assert!(!scenario.storage.snapshot().exists());
    scenario.assert_no_locks();
}

#[test]
fn a_signal_before_command_leaves_the_snapshot_and_sets_the_status() {
    Scenario::open()
        .server_method("zope", vec![(enter(), Entered::Held)], vec![(leave(), Left::Left)])
        .stopped_at("Locked")
        .play(
            143,
            journal()
                .entered("zope")
                .lines(&["Locked snapshot mode", "Unlocked snapshot mode"])
                .left("zope"),
        );
}

#[test]
fn a_signal_while_entering_leaves_what_was_entered() {
    Scenario::open()
        .server_method("zope", vec![(enter(), Entered::Held)], vec![(leave(), Left::Left)])
        .stopped_at("Entered")
        .play(
            143,
            journal()
                .entered("zope")
                .lines(&["Locked snapshot mode", "Unlocked snapshot mode"])
                .left("zope"),
        );
}

#[test]
fn a_signal_while_leaving_changes_no_status() {
    Scenario::open()
        .server_method("zope", vec![(enter(), Entered::Held)], vec![(leave(), Left::Left)])
        .stopped_at("Unlocked")
        .play(0, ordinary_run("zope"));
}

#[test]
fn a_method_that_leaves_is_told_whether_the_storage_shows_the_snapshot() {
    let changed: fn(&Storage) = |storage| fs::write(storage.snapshot(), "user/x").unwrap();
    for (enter, command, shows) in
        [(enter(), None, true), (enter(), Some(changed), false), (nothing(), None, false)]
    {
        let scenario = Scenario::open()
            .server_method(
                "zope",
                vec![(enter, Entered::Held)],
                vec![(write_snapshot("packing"), Left::Left)],
            )
            .command(move |storage| {
                command.into_iter().for_each(|change| change(storage));
                CommandEnd::Exited(0)
            });
        scenario.run();
        assert_eq!(scenario.leave_requests(), [format!("zope seen: {shows}")]);
    }
}

#[test]
fn the_snapshot_file_confirms_a_leave_and_not_the_answer() {
    let scenario = Scenario::open().server_method(
        "zope",
        vec![(enter(), Entered::Held)],
        vec![(nothing(), Left::Left), (leave(), Left::Failed(because("lost")))],
    );
    scenario.play(
        0,
        journal().entered("zope").command_runs().lines(&[
            "zope leaves",
            "zope leaves",
            "left at try 2, after: zope reports that the snapshot is left, but misc/snapshot still holds its code",
            "Left snapshot mode",
        ]),
    );
}

#[test]
fn if_the_snapshot_file_is_empty_only_the_line_that_entered_is_believed() {
    Scenario::open()
        .server_method(
            "zope",
            vec![(enter(), Entered::Held)],
            vec![(write_snapshot(""), Left::Refused(because("busy"))), (nothing(), Left::Left)],
        )
        .server_method("other", vec![], vec![(nothing(), Left::Left)])
        .play(
            0,
            journal().entered("zope").command_runs().lines(&[
                "zope leaves",
                "other leaves",
                "zope leaves",
                "left at try 2, after: zope: busy",
                "Left snapshot mode",
            ]),
        );
}

#[test]
fn a_snapshot_that_cannot_be_left_gives_status_122_with_storage_code_and_reason() {
    let refuse = || (nothing(), Left::Refused(because("`startup`")));
    let scenario = Scenario::open().server_method(
        "zope",
        vec![(enter(), Entered::Held)],
        vec![refuse(), refuse(), refuse()],
    );
    let outcome = scenario.play(
        122,
        journal().entered("zope").command_runs().lines(&[
            "zope leaves",
            "zope leaves",
            "zope leaves",
        ]),
    );
    let text = outcome.not_left[0].text().to_owned();
    let root = scenario.storage.root().display().to_string();
    let code = fs::read_to_string(scenario.storage.snapshot()).unwrap();
    assert_eq!(text, format!("{root} is still in snapshot mode (code {code}): zope: `startup`"));
}

#[test]
fn when_the_server_ended_meanwhile_nothing_is_frozen() {
    let scenario = Scenario::closed().server_method("zope", vec![(enter(), Entered::Held)], vec![]);
    let server = FileLock::take(&scenario.storage.lock()).unwrap();
    let server = std::cell::Cell::new(Some(server));
    let scenario = scenario.command(move |_| {
        drop(server.take());
        CommandEnd::Exited(7)
    });
    scenario.play(
        7,
        journal()
            .entered("zope")
            .command_runs()
            .line("the server ended while the snapshot was in use; nothing is left frozen"),
    );
}

#[test]
fn an_enter_that_closed_the_storage_is_always_left() {
    let scenario = Scenario::closed().server_method(
        "stopper",
        vec![(write_snapshot("shutdown"), Entered::Held)],
        vec![(nothing(), Left::Left)],
    );
    let server = FileLock::take(&scenario.storage.lock()).unwrap();
    let server = std::cell::Cell::new(Some(server));
    let scenario = scenario.command(move |_| {
        drop(server.take());
        CommandEnd::Exited(0)
    });
    scenario.play(0, ordinary_run("stopper"));
}

#[test]
fn a_storage_that_the_enter_closed_is_opened_by_its_own_line_only() {
    let refused = (nothing(), Left::Refused(because("not now")));
    Scenario::open()
        .server_method(
            "stopper",
            vec![(write_snapshot("shutdown"), Entered::Held)],
            vec![refused, (nothing(), Left::Left)],
        )
        .server_method("other", vec![], vec![])
        .play(
            0,
            journal().entered("stopper").command_runs().lines(&[
                "stopper leaves",
                "stopper leaves",
                "left at try 2, after: stopper: not now",
                "Left snapshot mode",
            ]),
        );
}

#[test]
fn a_run_that_cannot_lock_the_sublock_leaves_before_it_reports() {
    let scenario = Scenario::open().server_method(
        "zope",
        vec![(enter(), Entered::Held)],
        vec![(leave(), Left::Left)],
    );
    let _holder = FileLock::take(&scenario.storage.sublock()).unwrap();
    let outcome = scenario.run();
    assert_eq!(outcome.status(), 75, "{outcome:#?}");
    assert!(!scenario.storage.snapshot().exists());
}

#[test]
fn what_was_entered_is_left_even_if_nobody_has_this_storage_open_any_more() {
    let scenario = Scenario::open();
    let end = scenario.ends_server();
    let scenario =
        scenario.server_method("wrong", vec![(end, Entered::Held)], vec![(nothing(), Left::Left)]);
    scenario.play(
        125,
        journal().entered("wrong").left("wrong").line(
            "wrong: the server ended, but it did not close the storage: misc/snapshot is absent",
        ),
    );
}

#[test]
fn an_enter_that_ended_the_server_is_recorded_as_such_if_it_cannot_be_left() {
    let scenario = Scenario::open();
    let ended = (scenario.ends_server(), Entered::Held);
    let refused = || (nothing(), Left::Refused(because("not now")));
    let refusals = (0..100).map(|_| refused()).collect();
    let scenario = scenario.server_method("stopper", vec![ended], refusals);
    scenario.run();
    let evidence: Vec<_> = records(&scenario).iter().map(|record| record.evidence).collect();
    assert_eq!(evidence, [Evidence::Closed]);
}

#[test]
fn a_wrong_server_may_be_left_by_another_line_but_its_own_confirms_it() {
    let refuse = || (nothing(), Left::Refused(because("401")));
    Scenario::open()
        .server_method("wrong", vec![(nothing(), Entered::Held)], vec![refuse(), (nothing(), Left::Left)])
        .server_method(
            "right",
            vec![(enter(), Entered::Held)],
            vec![(nothing(), Left::Left), (leave(), Left::Left)],
        )
        .play(0, journal().entered("wrong").lines(&["wrong leaves", "right leaves", "wrong leaves", "left at try 2, after: wrong: 401", "Left snapshot mode", "wrong: a snapshot was entered, but misc/snapshot of this storage is absent: the line leads to the server of another storage, or its method did nothing"]).ordinary_run("right"));
}

#[test]
fn a_wrong_server_that_is_only_sometimes_reached_is_left_when_it_is_reached_again() {
    let free = || Status::CouldEnter;
    Scenario::open()
        .server_method(
            "balancer",
            vec![(nothing(), Entered::Held)],
            vec![(nothing(), Left::Left), (nothing(), Left::Left)],
        )
        .looking(vec![free(), holds(), free()])
        .play(125, journal().entered("balancer").lines(&["balancer leaves", "balancer leaves", "left at try 2, after: balancer: the server that answers now is not the one that entered", "Left snapshot mode", "balancer: a snapshot was entered, but misc/snapshot of this storage is absent: the line leads to the server of another storage, or its method did nothing"]));
}

#[test]
fn a_wrong_server_that_is_never_reached_again_is_reported() {
    let scenario = Scenario::open()
        .server_method(
            "balancer",
            vec![(nothing(), Entered::Held)],
            (0..3).map(|_| (nothing(), Left::Left)).collect(),
        )
        .looking(vec![Status::CouldEnter; 3]);
    assert_eq!(scenario.run().status(), 125, "no COMMAND ran");
    let said = scenario.said();
    let why = "the server that answers now is not the one that entered";
    let is_report = |it: &String| it.starts_with("the server at balancer") && it.ends_with(why);
    assert!(said.iter().any(is_report), "{said:?}");
    assert!(!said.contains(&"Left snapshot mode".to_owned()), "{said:?}");
    let records = RunLock::take(&scenario.storage).unwrap().records();
    assert_eq!((records.len(), records[0].evidence), (1, Evidence::Elsewhere));
}

#[test]
fn a_wrong_server_that_cannot_be_left_is_named_and_the_status_is_122_whatever_came_after() {
    let refuse = || (nothing(), Left::Refused(because("401")));
    let no_help = || (nothing(), Left::Left);
    let scenario = Scenario::open()
        .server_method(
            "wrong",
            vec![(nothing(), Entered::Held)],
            (0..3).map(|_| refuse()).collect(),
        )
        .server_method(
            "right",
            vec![(enter(), Entered::Held)],
            vec![no_help(), no_help(), no_help(), (leave(), Left::Left)],
        );
    let outcome = scenario.run();
    assert_eq!(outcome.status(), 122, "{outcome:?}");
    let not_left = &outcome.not_left[0];
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
    assert!(scenario.said().contains(&not_left.text().to_owned()), "said at once, too");
    let records = RunLock::take(&scenario.storage).unwrap().records();
    assert_eq!((records.len(), records[0].evidence), (1, Evidence::Elsewhere));
}
