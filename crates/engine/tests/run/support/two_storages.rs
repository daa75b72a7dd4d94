//! A run with two storages, and what it says of each.

use dsnap_core::method::{Entered, Left};

use super::left_behind::records;
use super::method::{SideEffect, enter, leave};
use super::scenario::Scenario;

type Enters = Vec<(SideEffect, Entered)>;
type Leaves = Vec<(SideEffect, Left)>;

pub(crate) fn held() -> (SideEffect, Entered) {
    (enter(), Entered::Held)
}

pub(crate) fn left() -> (SideEffect, Left) {
    (leave(), Left::Left)
}

/// Two open storages, each with a line of its own: `one` and `two`.
pub(crate) fn two(
    (enters_of_one, leaves_of_one): (Enters, Leaves),
    (enters_of_two, leaves_of_two): (Enters, Leaves),
) -> Scenario {
    let one = Scenario::open().server_method("one", enters_of_one, leaves_of_one);
    let two = one.beside(Scenario::open()).server_method("two", enters_of_two, leaves_of_two);
    let two = two.job(|job| job.recover = "dsnap --storage B --recover".to_owned());
    one.also(two)
}

/// What is said of a storage that is entered and locked.
pub(crate) fn enters(name: &str, method: &str) -> [String; 3] {
    [
        format!("{method} enters"),
        format!("{name}: Entered snapshot using {method}"),
        format!("{name}: Locked snapshot mode"),
    ]
}

/// What is said of a storage that is unlocked and left.
pub(crate) fn leaves(name: &str, method: &str) -> [String; 3] {
    [
        format!("{name}: Unlocked snapshot mode"),
        format!("{method} leaves"),
        format!("{name}: Left snapshot mode"),
    ]
}

pub(crate) fn lines<const COUNT: usize>(parts: [&[String]; COUNT]) -> Vec<String> {
    parts.concat()
}

pub(crate) fn line(words: &str) -> [String; 1] {
    [words.to_owned()]
}

pub(crate) fn command_runs() -> [String; 1] {
    line("COMMAND runs")
}

/// Asserts that no storage is in a snapshot and nothing is recorded.
#[track_caller]
pub(crate) fn assert_all_left(scenario: &Scenario) {
    for storage in [scenario, scenario.other(0)] {
        assert!(!storage.storage.snapshot().exists(), "{:?}", scenario.said());
        assert_eq!(records(storage), []);
    }
}
