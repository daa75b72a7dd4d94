//! A run with several storages: COMMAND runs with all of them frozen, or not at all, and every one is
//! left, in reverse order.

use std::time::Duration;

use dsnap_core::method::{Entered, Left};
use dsnap_engine::record::evidence::Evidence;
use dsnap_engine::run::job::CommandEnd;
use dsnap_engine::system::flock::FileLock;

use crate::support::{
    NOTHING, Scenario, SideEffect, because, enter, leave, left_behind, nothing, reason, records,
    write_snapshot,
};

const LONG: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_millis(1);

type Enters = Vec<(SideEffect, Entered)>;
type Leaves = Vec<(SideEffect, Left)>;

fn held() -> (SideEffect, Entered) {
    (enter(), Entered::Held)
}

fn left() -> (SideEffect, Left) {
    (leave(), Left::Left)
}

/// Two open storages, each with a line of its own: `one` and `two`.
fn two(
    (enters_of_one, leaves_of_one): (Enters, Leaves),
    (enters_of_two, leaves_of_two): (Enters, Leaves),
) -> Scenario {
    let one = Scenario::open().server_method("one", enters_of_one, leaves_of_one);
    let two = one.beside(Scenario::open()).server_method("two", enters_of_two, leaves_of_two);
    let two = two.job(|job| job.recover = "dsnap --storage B --recover".to_owned());
    one.also(two)
}

/// What is said of a storage that is entered and locked.
fn enters(name: &str, method: &str) -> [String; 3] {
    [
        format!("{method} enters"),
        format!("{name}: Entered snapshot using {method}"),
        format!("{name}: Locked snapshot mode"),
    ]
}

/// What is said of a storage that is unlocked and left.
fn leaves(name: &str, method: &str) -> [String; 3] {
    [
        format!("{name}: Unlocked snapshot mode"),
        format!("{method} leaves"),
        format!("{name}: Left snapshot mode"),
    ]
}

fn lines<const COUNT: usize>(parts: [&[String]; COUNT]) -> Vec<String> {
    parts.concat()
}

fn line(words: &str) -> [String; 1] {
    [words.to_owned()]
}

fn command_runs() -> [String; 1] {
    line("COMMAND runs")
}

/// Asserts that no storage is in a snapshot and nothing is recorded.
#[track_caller]
fn assert_all_left(scenario: &Scenario) {
    for storage in [scenario, scenario.other(0)] {
        assert!(!storage.storage.snapshot().exists(), "{:?}", scenario.said());
        assert_eq!(records(storage), []);
    }
}

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
fn if_one_storage_cannot_be_had_the_others_are_left_again() {
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
        assert_eq!(not_left.hints(), [kept.job.recover.clone()]);
        assert_eq!((records(kept).len(), records(freed)), (1, vec![]));
        assert!(kept.storage.snapshot().exists() && !freed.storage.snapshot().exists());
    }
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
