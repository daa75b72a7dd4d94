//! The program `dsnap-testkit`, as somebody without Rust uses it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "scenarios start the program")]

use std::fs;
use std::process::{Command, Output};

use dsnap_testkit::tree::Tree;

fn testkit(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dsnap-testkit")).args(args).output().unwrap()
}

#[test]
fn make_makes_a_storage_once_and_leaves_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ds");
    let dir = dir.to_str().unwrap();
    let made = testkit(&["make", dir, "--state", "in-snapshot", "--format", "flat"]);
    let said = String::from_utf8(made.stdout).unwrap();
    assert_eq!(said, format!("{dir}: 24 transactions committed, 8 of them in A/\n"));
    assert!(folder.path().join("ds/A/x.serial").exists());
    let before = Tree::of(folder.path()).unwrap();
    let again = testkit(&["make", dir]);
    assert_eq!(again.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(again.stderr).unwrap(),
        format!(
            "dsnap-testkit: {dir} is not empty, and was not made by dsnap-testkit: nothing was changed\n"
        )
    );
    assert_eq!(before.difference(&Tree::of(folder.path()).unwrap()), None);
}

#[test]
fn make_names_what_there_is_to_choose() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = testkit(&["make", folder.path().to_str().unwrap(), "--state", "broken"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("shutdown-with-journal"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_demonstration_does_not_believe_a_program_that_does_nothing() {
    let shown = testkit(&["demo", "--dsnap", "true"]);
    let said = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown.status.code(), Some(1), "{said}");
    assert_eq!(said.matches("WRONG: ").count(), 2, "{said}");
    let absent = testkit(&["demo", "--dsnap", "/no/such/program"]);
    assert_eq!(absent.status.code(), Some(2));
}
