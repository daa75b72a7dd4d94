//! What an earlier run entered at the server of another storage and could not leave: tried again,
//! without keeping anybody from this storage.

use std::fs;

use dsnap_core::method::{Entered, Left};
use dsnap_engine::record::entry::Record;
use dsnap_engine::record::evidence::Evidence;

use crate::orphans::{LEFT, after, left_behind, records};
use crate::stage::{Deed, Stage, because, enter, leave, nothing};

/// An open storage, and that it was left behind by this line.
fn stage(line: &str, zope: Vec<(Deed, Left)>, wrong: Vec<(Deed, Left)>) -> Stage {
    let stage = Stage::open().owner("zope", vec![(enter(), Entered::Held)], zope).owner(
        "wrong",
        Vec::new(),
        wrong,
    );
    let line = line.as_bytes().to_vec();
    left_behind(&stage, "", |record| Record { evidence: Evidence::Elsewhere, line, ..record });
    stage
}

#[test]
fn it_is_left_by_its_line_once_that_answers() {
    let left = || (nothing(), Left::Left);
    let stage = stage("wrong", vec![(leave(), Left::Left)], vec![left()]);
    stage.play(0, &after(&["wrong leaves", LEFT]));
    assert_eq!(records(&stage), []);
}

#[test]
fn as_long_as_it_is_not_that_is_said_and_the_run_goes_on() {
    let no_help = |_| (nothing(), Left::Left);
    let zope = (0..3).map(no_help).chain([(leave(), Left::Left)]).collect();
    let wrong = (0..3).map(|_| (nothing(), Left::Refused(because("401")))).collect();
    let stage = stage("wrong", zope, wrong);
    let asked = ["wrong leaves", "zope leaves"].repeat(3);
    let said = "the server at wrong (another storage) is still in the snapshot user/db-1-left: 401";
    stage.play(0, &after(&[&asked[..], &[said]].concat()));
    assert_eq!(records(&stage).len(), 1);
}

#[test]
fn once_its_line_is_corrected_that_is_said_a_last_time() {
    let stage = stage("old", vec![(leave(), Left::Left)], Vec::new());
    stage.play(0, &after(&["an earlier run entered the snapshot user/db-1-left of another storage by `old` (line 2 in snapshot.conf), and that line is gone"]));
    assert_eq!(records(&stage), []);
}

#[test]
fn while_nobody_has_this_storage_open_nothing_is_sent() {
    let stage = Stage::closed().owner("zope", Vec::new(), Vec::new());
    left_behind(&stage, "", |record| Record { evidence: Evidence::Elsewhere, ..record });
    fs::write(stage.storage.snapshot(), "shutdown").unwrap();
    assert_eq!(stage.run().status(), 0);
    assert_eq!(records(&stage).len(), 1);
}
