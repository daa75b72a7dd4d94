//! What the enter of an earlier run closed: opened again, by its own line, and only there.

use std::fs;
use std::sync::Arc;

use dsnap_core::method::{Entered, Left};
use dsnap_engine::record::entry::Record;
use dsnap_engine::record::evidence::Evidence;
use dsnap_engine::storage::Storage;
use dsnap_engine::system::flock::FileLock;
use dsnap_engine::system::process::Host;

use crate::orphans::{LEFT, after, left_behind, records, zope};
use crate::stage::{Deed, Stage, enter, leave, mark, nothing, reason};

#[test]
fn what_an_enter_closed_is_opened_again_by_its_line_only() {
    let stage = Stage::closed().owner("other", Vec::new(), Vec::new()).owner(
        "zope",
        Vec::new(),
        vec![(nothing(), Left::Left)],
    );
    left_behind(&stage, "shutdown", |record| Record { evidence: Evidence::Closed, ..record });
    stage.play(
        0,
        &[
            "zope leaves",
            LEFT,
            "other: no process has this storage open",
            "zope: no process has this storage open",
            "Locked snapshot mode",
            "COMMAND runs",
            "Unlocked snapshot mode",
        ],
    );
    assert_eq!(records(&stage), []);

    let stage = Stage::closed().owner("other", Vec::new(), Vec::new());
    left_behind(&stage, "shutdown", |record| Record { evidence: Evidence::Closed, ..record });
    let outcome = stage.play(125, &[]);
    assert!(
        reason(&outcome).ends_with("by `zope` (line 2 in snapshot.conf), and that line is gone")
    );
    assert_eq!(records(&stage).len(), 1);
}

#[test]
fn what_an_enter_closed_is_opened_by_whatever_path_the_storage_is_named() {
    let mut stage = Stage::closed().owner("zope", Vec::new(), vec![(nothing(), Left::Left)]);
    left_behind(&stage, "shutdown", |record| Record { evidence: Evidence::Closed, ..record });
    let link = stage.storage.root().join("link");
    std::os::unix::fs::symlink(stage.storage.root(), &link).unwrap();
    stage.storage = Storage::open(&link).unwrap();
    assert_eq!(stage.run().status(), 0);
    assert_eq!(stage.said()[..2], ["zope leaves", LEFT]);
    assert_eq!(records(&stage), []);
}

#[test]
fn what_an_enter_closed_is_opened_where_nobody_knows_whether_the_storage_is_open() {
    let stage = Stage::closed().owner(
        "zope",
        vec![(enter(), Entered::Held)],
        vec![(nothing(), Left::Left), (leave(), Left::Left)],
    );
    // A lock that cannot be tried.
    fs::create_dir(stage.storage.lock()).unwrap();
    left_behind(&stage, "shutdown", |record| Record { evidence: Evidence::Closed, ..record });
    stage.play(0, &after(&["zope leaves", LEFT]));
    assert_eq!(records(&stage), []);
}

#[test]
fn what_an_enter_closed_and_somebody_opened_again_is_settled() {
    for stage in [zope(Vec::new()), Stage::closed()] {
        left_behind(&stage, "", |record| Record { evidence: Evidence::Closed, ..record });
        stage.run();
        assert_eq!(records(&stage), []);
    }
}

#[test]
fn an_unknown_one_of_a_method_that_never_closes_needs_no_line_when_its_server_ended() {
    let stage = Stage::closed();
    left_behind(&stage, "shutdown", |record| Record {
        evidence: Evidence::Unknown,
        may_close: false,
        ..record
    });
    stage.play(0, &["Locked snapshot mode", "COMMAND runs", "Unlocked snapshot mode"]);
    assert_eq!(records(&stage), []);
}

#[test]
fn what_was_closed_elsewhere_is_not_opened_here() {
    let stage = Stage::closed().owner("zope", Vec::new(), Vec::new());
    left_behind(&stage, "shutdown", |record| Record {
        evidence: Evidence::Closed,
        host: Host { host: "elsewhere".to_owned(), ..Host::here() },
        ..record
    });
    let outcome = stage.run();
    assert_eq!(outcome.status(), 0);
    assert_eq!(records(&stage).len(), 1);
}

/// A script that stops the server, which commits once more while it closes, so many times.
fn stops_in_the_middle(times: usize) -> Stage {
    let stage = Stage::open();
    let folder = stage.storage.journal().join("working_0000000000000001_done");
    let stop = |late: bool| -> Deed {
        let (ends, folder) = (stage.ends_server(), folder.clone());
        Box::new(move |storage, code| {
            ends(storage, code);
            mark("shutdown")(storage, code);
            if late {
                fs::create_dir(&folder).unwrap();
            }
        })
    };
    let start = || -> Deed {
        let (server, folder) = (Arc::clone(&stage.server), folder.clone());
        Box::new(move |storage, _| {
            *server.lock().unwrap() = Some(FileLock::take(&storage.lock()).unwrap());
            let _ = fs::remove_dir(&folder);
            fs::remove_file(storage.snapshot()).unwrap();
        })
    };
    let enters = (0..3).map(|time| (stop(time < times), Entered::Held)).collect();
    let leaves = (0..3).map(|_| (start(), Left::Left)).collect();
    stage.owner("script", enters, leaves)
}

#[test]
fn a_commit_that_ends_while_a_script_stops_the_server_costs_one_more_try() {
    let entered = ["script enters", "Entered snapshot using script"];
    let ran = ["Locked snapshot mode", "COMMAND runs", "Unlocked snapshot mode"];
    let left = ["script leaves", "Left snapshot mode"];
    let once = [&entered[..], &ran, &left].concat();
    stops_in_the_middle(0).play(0, &once);
    let late =
        "script: the storage was closed, but transactions ended meanwhile that are not in A/";
    let twice = [&entered[..], &left, &[late], &once].concat();
    stops_in_the_middle(1).play(0, &twice);
    let outcome = stops_in_the_middle(2).run();
    assert_eq!(outcome.status(), 125, "waiting helps, but nothing was in use");
    assert!(reason(&outcome).contains("transactions ended meanwhile"));
    let outcome = stops_in_the_middle(2).job(|job| {
        job.wait = std::time::Duration::from_secs(60);
        job.pause = std::time::Duration::ZERO;
    });
    assert_eq!(outcome.run().status(), 0);
}
