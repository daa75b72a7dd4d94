//! A run with several storages: COMMAND runs with all of them frozen, or not at all.

use std::time::Duration;

use dsnap_core::method::Entered;
use dsnap_engine::run::job::CommandEnd;
use dsnap_engine::system::flock::FileLock;

use crate::support::{
    NOTHING, Scenario, SideEffect, assert_all_left, because, command_runs, enter, enters, held,
    leaves, left, line, lines, nothing, reason, two, write_snapshot,
};

const LONG: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_millis(1);

#[test]
fn all_storages_are_entered_before_command_and_left_in_reverse_order() {
    let scenario = two((vec![held()], vec![left()]), (vec![held()], vec![left()]));
    let third = scenario
        .beside(Scenario::closed())
        .file_method("files", vec![(write_snapshot("shutdown"), Entered::Done)]);
    scenario.command(|_| CommandEnd::Exited(3)).also(third).play(
        3,
        lines([
            &enters("A", "one"),
            &enters("B", "two"),
            &enters("C", "files"),
            &command_runs(),
            &line("C: Unlocked snapshot mode"),
            &leaves("B", "two"),
            &leaves("A", "one"),
        ]),
    );
}

#[test]
fn without_command_all_storages_are_entered_and_left_all_the_same() {
    let scenario = two((vec![held()], vec![left()]), (vec![held()], vec![left()]));
    scenario.job(|job| job.command = None).play(
        0,
        lines([&enters("A", "one"), &enters("B", "two"), &leaves("B", "two"), &leaves("A", "one")]),
    );
}

#[test]
fn nothing_is_entered_while_another_storage_is_in_use() {
    for content in ["user/stranger", "packing"] {
        let scenario = two((vec![], vec![]), (vec![], vec![]));
        std::fs::write(scenario.other(0).storage.snapshot(), content).unwrap();
        let outcome = scenario.play(75, NOTHING);
        let root = scenario.other(0).storage.root().display().to_string();
        assert!(reason(&outcome).starts_with(&root), "{outcome:?}");
    }
}

#[test]
fn nothing_is_entered_while_a_process_reads_another_storage_that_is_closed() {
    let one = Scenario::open().server_method("one", vec![], vec![]);
    let two = one.beside(Scenario::closed()).file_method("files", vec![]);
    std::fs::write(two.storage.snapshot(), "shutdown").unwrap();
    let _reader = FileLock::take(&two.storage.sublock()).unwrap();
    let scenario = one.also(two);
    let outcome = scenario.run();
    assert_eq!((outcome.status(), scenario.said()), (75, vec![]), "{outcome:?}");
    assert!(reason(&outcome).contains("is in use: misc/sublock is held by"), "{outcome:?}");
}

#[test]
fn nothing_is_entered_while_another_run_uses_one_of_the_storages() {
    for number in [0, 1] {
        let scenario = two((vec![], vec![]), (vec![], vec![]));
        let storage = if number == 0 { &scenario } else { scenario.other(0) };
        let other_run = FileLock::take_without_pid(&storage.storage.run_lock()).unwrap();
        let outcome = scenario.run();
        assert_eq!((outcome.status(), scenario.said()), (75, vec![]), "{outcome:?}");
        let named = format!("{}: another run of dsnap uses this", storage.storage.root().display());
        assert!(reason(&outcome).starts_with(&named), "{outcome:?}");
        drop(other_run);
        scenario.assert_no_locks();
    }
}

#[test]
fn run_locks_are_taken_in_the_order_of_the_paths_whatever_the_order_of_the_options() {
    let mut orders = [false, false];
    while orders != [true, true] {
        let scenario = two((vec![], vec![]), (vec![], vec![]));
        let storages = [&scenario.storage, &scenario.other(0).storage];
        let first = storages.iter().map(|it| it.resolved()).min().unwrap();
        orders[usize::from(first == storages[0].resolved())] = true;
        let _other_runs = storages.map(|it| FileLock::take_without_pid(&it.run_lock()).unwrap());
        let named = reason(&scenario.run());
        assert!(named.starts_with(&first.display().to_string()), "{named}");
    }
}

#[test]
fn if_one_storage_cannot_be_entered_the_others_are_left_again() {
    let refused = || (nothing(), Entered::Refused(because("401")));
    let scenario = two((vec![held()], vec![left()]), (vec![held()], vec![left()]));
    let third = scenario.beside(Scenario::open()).server_method("three", vec![refused()], vec![]);
    let scenario = scenario.also(third);
    let outcome = scenario.play(
        125,
        lines([
            &enters("A", "one"),
            &enters("B", "two"),
            &line("three enters"),
            &line("C: three: 401"),
            &leaves("B", "two"),
            &leaves("A", "one"),
        ]),
    );
    let third = scenario.other(1).storage.root().display().to_string();
    assert_eq!(reason(&outcome), format!("{third}: three: 401"));
    assert_all_left(&scenario);
}

#[test]
fn between_two_tries_nothing_is_held_and_the_storage_that_failed_comes_first() {
    let silent = || (nothing(), Entered::Unavailable(because("silent")));
    let scenario = two(
        (vec![held(), held()], vec![left(), left()]),
        (vec![silent(), silent(), held()], vec![left()]),
    )
    .job(|job| (job.wait, job.pause) = (LONG, SOON));
    let pause = format!("pause: {}: two: silent", scenario.other(0).storage.root().display());
    scenario.play(
        0,
        lines([
            &enters("A", "one"),
            &line("two enters"),
            &line("B: two: silent"),
            &leaves("A", "one"),
            &line(&pause),
            // The first is not frozen in vain again.
            &line("two enters"),
            &line(&pause),
            &enters("B", "two"),
            &enters("A", "one"),
            &command_runs(),
            &leaves("A", "one"),
            &leaves("B", "two"),
        ]),
    );
}

#[test]
fn a_server_of_several_that_recombines_is_named_and_waited_for() {
    let recombining = (nothing(), Entered::Busy(because("recombining")));
    let scenario = two(
        (vec![held(), held()], vec![left(), left()]),
        (vec![recombining, held()], vec![left()]),
    );
    assert_eq!(scenario.run().status(), 0);
    let said = scenario.said();
    assert!(said.iter().any(|line| line.starts_with("B: the server is recombining")), "{said:?}");
    assert_all_left(&scenario);
}

#[test]
fn max_hold_counts_from_the_first_enter_of_any_storage() {
    const MAX_HOLD: Duration = Duration::from_millis(300);
    let slowly = || -> SideEffect {
        let enter = enter();
        Box::new(move |storage, code| {
            std::thread::sleep(MAX_HOLD);
            enter(storage, code);
        })
    };
    let scenario =
        two((vec![(slowly(), Entered::Held)], vec![left()]), (vec![held()], vec![left()]))
            .job(|job| job.max_hold = Some(MAX_HOLD));
    let outcome = scenario.run();
    assert_eq!(outcome.status(), 75, "{outcome:?}");
    assert!(reason(&outcome).starts_with("entering took 0."), "{outcome:?}");
    assert!(!scenario.said().contains(&"COMMAND runs".to_owned()), "{:?}", scenario.said());
    assert_all_left(&scenario);
}

#[test]
fn the_record_of_each_storage_names_command() {
    let scenario = two((vec![held()], vec![left()]), (vec![held()], vec![left()]));
    let locks = [&scenario, scenario.other(0)].map(|it| it.storage.run_lock());
    let scenario = scenario.command(move |_| {
        for lock in &locks {
            let text = std::fs::read_to_string(lock).unwrap();
            let named = format!(" command={},", std::process::id());
            let named = text.lines().filter(|line| line.contains(&named)).count();
            assert_eq!(named, 2, "the run and its record: {text}");
        }
        CommandEnd::Exited(0)
    });
    assert_eq!(scenario.run().status(), 0);
}
