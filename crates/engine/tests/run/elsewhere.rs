//! Snapshots of another storage that an earlier run entered and could not leave: a run tries again,
//! and uses this storage all the same.

use std::fs;

use dsnap_core::method::{Entered, Left};
use dsnap_engine::record::entry::Record;
use dsnap_engine::record::evidence::Evidence;

use crate::support::{
    LEFT, Scenario, SideEffect, after, because, enter, leave, left_behind, nothing, records, zope,
};

/// An open storage, and that it was left behind by this line.
fn scenario(line: &str, zope: Vec<(SideEffect, Left)>, wrong: Vec<(SideEffect, Left)>) -> Scenario {
    let scenario = Scenario::open()
        .server_method("zope", vec![(enter(), Entered::Held)], zope)
        .server_method("wrong", Vec::new(), wrong);
    let (line, label) = (line.as_bytes().to_vec(), line.to_owned());
    let elsewhere = |record| Record { evidence: Evidence::Elsewhere, line, label, ..record };
    left_behind(&scenario, "", elsewhere);
    scenario
}

#[test]
fn a_snapshot_of_another_storage_is_left_by_its_line_once_that_answers() {
    let left = || (nothing(), Left::Left);
    let scenario = scenario("wrong", vec![(leave(), Left::Left)], vec![left()]);
    scenario.play(0, after(&["wrong leaves", LEFT]));
    assert_eq!(records(&scenario), []);
}

#[test]
fn a_snapshot_of_another_storage_that_cannot_be_left_is_reported_and_the_run_goes_on() {
    let no_help = |_| (nothing(), Left::Left);
    let zope = (0..3).map(no_help).chain([(leave(), Left::Left)]).collect();
    let wrong = (0..3).map(|_| (nothing(), Left::Refused(because("401")))).collect();
    let scenario = scenario("wrong", zope, wrong);
    let asked = ["wrong leaves", "zope leaves"].repeat(3);
    let said = "the server at wrong (another storage) is still in the snapshot user/db-1-left: 401";
    scenario.play(0, after(&[&asked[..], &[said]].concat()));
    assert_eq!(records(&scenario).len(), 1);
}

#[test]
fn a_snapshot_of_another_storage_is_reported_a_last_time_once_its_line_is_gone() {
    let scenario = scenario("old", vec![(leave(), Left::Left)], Vec::new());
    scenario.play(0, after(&["an earlier run entered the snapshot user/db-1-left of another storage by `old` (line 2 in snapshot.conf), and that line is gone"]));
    assert_eq!(records(&scenario), []);
}

#[test]
fn a_line_that_is_gone_is_named_by_its_label_because_it_may_contain_a_password() {
    for (label, named) in [
        ("http://host/", "`http://host/` (line 2 in snapshot.conf)"),
        // A record of an older release.
        ("", "line 2 in snapshot.conf"),
    ] {
        let scenario = zope(Vec::new());
        left_behind(&scenario, "", |record| Record {
            evidence: Evidence::Elsewhere,
            line: b"http http://user:correct-horse@host/ access".to_vec(),
            label: label.to_owned(),
            ..record
        });
        scenario.run();
        let said = scenario.said().join("\n");
        assert!(said.contains(&format!("by {named}, and that line is gone")), "{said}");
        assert!(!said.contains("correct-horse"), "{said}");
    }
}

#[test]
fn nothing_is_sent_for_another_storage_while_no_process_has_this_one_open() {
    let scenario = Scenario::closed().server_method("zope", Vec::new(), Vec::new());
    left_behind(&scenario, "", |record| Record { evidence: Evidence::Elsewhere, ..record });
    fs::write(scenario.storage.snapshot(), "shutdown").unwrap();
    assert_eq!(scenario.run().status(), 0);
    assert_eq!(records(&scenario).len(), 1);
}
