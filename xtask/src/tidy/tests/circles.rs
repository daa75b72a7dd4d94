//! Circles between the files of a crate.

use super::super::circles::circles;
use super::super::modules::Crate;
use super::{cures, engine};

/// Checks a crate with a room of three files.
fn found(a: &str, b: &str, c: &str) -> Vec<String> {
    found_in(&files(a, b, c))
}

/// Checks a crate with a room of two files, the first of which has a child.
fn found_with_child(a: &str, child: &str, b: &str) -> Vec<String> {
    let mut files = files(a, b, "").to_vec();
    files.push(("crates/engine/src/run/a/deep.rs", child));
    found_in(&files)
}

fn files<'a>(a: &'a str, b: &'a str, c: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("crates/engine/src/lib.rs", "mod run;"),
        ("crates/engine/src/run.rs", "mod a;\nmod b;\nmod c;\npub use c::C as Short;"),
        ("crates/engine/src/run/a.rs", a),
        ("crates/engine/src/run/b.rs", b),
        ("crates/engine/src/run/c.rs", c),
    ]
}

fn found_in(files: &[(&str, &str)]) -> Vec<String> {
    let checkout = engine(files);
    cures(circles(&Crate::read(&checkout, "crates/engine/src/lib.rs").edges()))
}

#[test]
fn files_that_use_each_other_are_found() {
    let a = "use super::b::B;\npub struct A;";
    let b = "pub struct B;\nfn f() -> crate::run::a::A {}";
    assert_eq!(
        found(a, b, ""),
        [
            "crates/engine/src/run/a.rs:1: a circle (crates/engine/src/run/a.rs:1 uses crates/engine/src/run/b.rs, crates/engine/src/run/b.rs:2 uses crates/engine/src/run/a.rs): move what they share to a file that uses none of them"
        ]
    );
}

#[test]
fn a_circle_may_lead_through_several_files_and_re_exports() {
    let (a, b, c) = ("use super::Short;", "use super::a::A;", "pub struct C;\nuse super::b::B;");
    let found = found(a, b, c);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].matches(" uses crates/").count(), 3, "{found:?}");
}

#[test]
fn one_circle_is_reported_for_files_that_share_several() {
    let (a, b, c) = ("use super::b::B;\nuse super::c::C;", "use super::a::A;", "use super::a::A;");
    assert_eq!(found(a, b, c).len(), 1);
}

#[test]
fn files_that_use_each_other_in_one_direction_are_fine() {
    assert_eq!(found("use super::b::B;\nuse super::c::C;", "use super::c::C;", ""), [""; 0]);
}

#[test]
fn tests_may_close_a_circle() {
    let test = "#[cfg(test)]\nmod tests {\n    use crate::run::a::A;\n}";
    assert_eq!(found("use super::b::B;", test, ""), [""; 0]);
}

#[test]
fn a_parent_and_its_child_may_use_each_other() {
    let (a, child) = ("mod deep;\nuse deep::D;\npub struct A;", "pub struct D;\nuse super::A;");
    assert_eq!(found_with_child(a, child, ""), [""; 0]);
}

#[test]
fn a_circle_may_lead_through_a_child_and_its_parent() {
    let (a, child) = ("pub mod deep;\nuse super::b::B;\npub struct A;", "use super::A;");
    assert_eq!(found_with_child(a, child, "use super::a::deep::D;").len(), 1);
}
