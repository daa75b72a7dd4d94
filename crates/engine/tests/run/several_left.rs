//! A run with several storages leaves every one of them, whatever happens to one.

use std::time::Duration;

use dsnap_core::method::{Entered, Left};
use dsnap_engine::record::evidence::Evidence;
use dsnap_engine::run::job::CommandEnd;
use dsnap_engine::system::flock::FileLock;

use crate::support::{
    Scenario, SideEffect, assert_all_left, because, enter, enters, held, leaves, left, left_behind,
    line, lines, nothing, reason, records, two,
};

const LONG: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_millis(1);

#[test]
fn an_enter_without_an_answer_leaves_the_others_and_is_found_by_the_next_run() {
    let lost = || (nothing(), Entered::Unknown(because("no answer")));
    let scenario = two(
        (vec![held(), held()], vec![left(), left()]),
        (vec![lost(), held()], vec![left(), left()]),
    );
    assert_eq!(scenario.run().status(), 125);
    assert!(!scenario.said().contains(&"COMMAND runs".to_owned()), "{:?}", scenario.said());
    assert!(!scenario.storage.snapshot().exists());
    assert_eq!(records(&scenario), []);
    let kept = records(scenario.other(0));
    assert_eq!((kept.len(), kept[0].evidence), (1, Evidence::Unknown));
    // The server enters late, after the run has ended.
    let content = format!("user/{}", kept[0].code);
    std::fs::write(scenario.other(0).storage.snapshot(), content).unwrap();
    assert_eq!(scenario.run().status(), 0, "{:?}", scenario.said());
    assert_all_left(&scenario);
}

#[test]
fn if_a_line_leads_to_the_wrong_server_the_other_storages_are_left_too() {
    let scenario = two(
        (vec![held()], vec![left()]),
        (vec![(nothing(), Entered::Held)], vec![(nothing(), Left::Left)]),
    );
    assert_eq!(scenario.run().status(), 125);
    let said = scenario.said();
    assert!(!said.contains(&"COMMAND runs".to_owned()), "{said:?}");
    assert!(said.ends_with(&leaves("A", "one")), "{said:?}");
    assert_all_left(&scenario);
}

#[test]
fn a_snapshot_that_ends_while_another_storage_is_entered_is_not_used() {
    let one = Scenario::open().server_method("one", vec![held()], vec![left()]);
    let (snapshot, enter) = (one.storage.snapshot(), enter());
    let and_break_one: SideEffect = Box::new(move |storage, code| {
        std::fs::write(&snapshot, "user/somebody-else").unwrap();
        enter(storage, code);
    });
    let two = one.beside(Scenario::open());
    let two = two.server_method("two", vec![(and_break_one, Entered::Held)], vec![left()]);
    let scenario = one.also(two);
    let outcome = scenario.run();
    let said = scenario.said();
    assert!(!said.contains(&"COMMAND runs".to_owned()), "{said:?}");
    let root = scenario.storage.root().display();
    let why = format!("{root}: the snapshot ended while the other storages were entered");
    assert_eq!((outcome.status(), reason(&outcome)), (125, why));
    assert_all_left(&scenario);
}

#[test]
fn if_the_sublock_of_one_storage_is_held_all_are_left() {
    let scenario = two((vec![held()], vec![left()]), (vec![held()], vec![left()]));
    let _reader = FileLock::take(&scenario.other(0).storage.sublock()).unwrap();
    let outcome = scenario.run();
    assert_eq!(outcome.status(), 75, "{outcome:?}");
    let said = scenario.said();
    assert!(!said.contains(&"COMMAND runs".to_owned()), "{said:?}");
    assert_all_left(&scenario);
}

#[test]
fn a_storage_that_cannot_be_left_keeps_no_other_from_being_left() {
    let refuse = || (nothing(), Left::Refused(because("401")));
    for number in [0, 1] {
        let mut of_each = [vec![left()], vec![left()]];
        of_each[number] = vec![refuse(), refuse(), refuse()];
        let [one, other] = of_each;
        let scenario = two((vec![held()], one), (vec![held()], other));
        let outcome = scenario.run();
        assert_eq!(outcome.status(), 122, "{outcome:?}");
        let [kept, freed] = match number {
            0 => [&scenario, scenario.other(0)],
            _ => [scenario.other(0), &scenario],
        };
        let root = kept.storage.root().display().to_string();
        let [not_left] = &outcome.not_left[..] else { panic!("{outcome:?}") };
        assert!(not_left.text().starts_with(&format!("{root} is still in snapshot mode")));
        assert_eq!(not_left.hints(), std::slice::from_ref(&kept.job.recover));
        assert_eq!((records(kept).len(), records(freed)), (1, vec![]));
        assert!(kept.storage.snapshot().exists() && !freed.storage.snapshot().exists());
    }
}

#[test]
fn the_others_are_left_before_a_leave_that_failed_is_tried_again() {
    let refused = (nothing(), Left::Refused(because("the server starts")));
    let scenario = two((vec![held()], vec![left()]), (vec![held()], vec![refused, left()]));
    assert_eq!(scenario.run().status(), 0);
    let said = scenario.said();
    let after_command = said.iter().skip_while(|line| *line != "COMMAND runs").skip(1);
    let expected = lines([
        &["B: Unlocked snapshot mode".to_owned(), "two leaves".to_owned()],
        &leaves("A", "one"),
        &line("two leaves"),
        &line("B: left at try 2, after: two: the server starts"),
        &line("B: Left snapshot mode"),
    ]);
    assert_eq!(after_command.cloned().collect::<Vec<_>>(), expected);
    assert_all_left(&scenario);
}

#[test]
fn a_try_whose_storages_could_not_be_left_again_is_the_last_one() {
    let refuse = || (nothing(), Left::Refused(because("401")));
    let silent = (nothing(), Entered::Unavailable(because("silent")));
    let scenario = two((vec![held()], vec![refuse(), refuse(), refuse()]), (vec![silent], vec![]))
        .job(|job| (job.wait, job.pause) = (LONG, SOON));
    let outcome = scenario.run();
    assert_eq!((outcome.status(), outcome.not_left.len()), (125, 1), "{outcome:?}");
}

#[test]
fn a_guarantee_that_was_broken_in_one_storage_is_reported_with_its_name() {
    for number in [0, 1] {
        let scenario = two((vec![held()], vec![left()]), (vec![held()], vec![left()]));
        let storage = if number == 0 { &scenario } else { scenario.other(0) };
        let (root, snapshot) = (storage.storage.root().to_owned(), storage.storage.snapshot());
        let scenario = scenario.command(move |_| {
            let times = std::fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
            std::fs::File::options().write(true).open(&snapshot).unwrap().set_times(times).unwrap();
            CommandEnd::Exited(0)
        });
        let outcome = scenario.run();
        assert_eq!(outcome.status(), 122, "{outcome:?}");
        let [broken] = &outcome.broken[..] else { panic!("{outcome:?}") };
        assert!(broken.text().contains(&root.display().to_string()), "{outcome:?}");
        assert_all_left(&scenario);
    }
}

#[test]
fn a_panic_while_command_runs_leaves_all_storages_in_reverse_order() {
    let scenario = two((vec![held()], vec![left()]), (vec![held()], vec![left()]))
        .command(|_| panic!("on purpose"));
    let run = std::panic::AssertUnwindSafe(|| scenario.run());
    assert!(std::panic::catch_unwind(run).is_err());
    let said = scenario.said();
    let places = ["two leaves", "one leaves"].map(|it| said.iter().position(|line| line == it));
    assert!(places[0].is_some() && places[0] < places[1], "{said:?}");
    assert_all_left(&scenario);
    scenario.assert_no_locks();
}

#[test]
fn a_signal_leaves_all_that_was_entered_and_enters_no_other() {
    let entered_a = enters("A", "one");
    let entered_b = enters("B", "two");
    let (left_a, left_b) = (leaves("A", "one"), leaves("B", "two"));
    for (at, journal) in [
        ("A: Entered", lines([&entered_a, &left_a])),
        ("A: Locked", lines([&entered_a, &left_a])),
        ("B: Locked", lines([&entered_a, &entered_b, &left_b, &left_a])),
    ] {
        let scenario = two((vec![held()], vec![left()]), (vec![held()], vec![left()]));
        scenario.stopped_at(at).play(143, journal);
    }
}

#[test]
fn a_signal_while_one_storage_is_left_leaves_the_others_too() {
    for at in ["B: Unlocked", "B: Left", "A: Unlocked"] {
        let scenario =
            two((vec![held()], vec![left()]), (vec![held()], vec![left()])).stopped_at(at);
        assert_eq!(scenario.run().status(), 0, "{at}");
        assert_all_left(&scenario);
    }
}

#[test]
fn what_an_earlier_run_left_behind_is_left_before_anything_is_entered() {
    let scenario = two((vec![held()], vec![left()]), (vec![held()], vec![left(), left()]));
    left_behind(scenario.other(0), "user/db-1-left", |record| {
        dsnap_engine::record::entry::Record { line: b"two".to_vec(), ..record }
    });
    assert_eq!(scenario.run().status(), 0);
    let said = scenario.said();
    assert_eq!(said[0], "two leaves");
    assert!(said[1].starts_with("B: Left the snapshot user/db-1-left"), "{said:?}");
    assert_eq!(said[2], "one enters");
    assert_all_left(&scenario);
}
