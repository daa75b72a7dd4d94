//! Storages that the enter of an earlier run closed: opened again by its own line, and only there.

use std::fs;
use std::sync::Arc;

use dsnap_core::method::{Entered, Left};
use dsnap_engine::record::entry::Record;
use dsnap_engine::record::evidence::Evidence;
use dsnap_engine::storage::Storage;
use dsnap_engine::system::flock::FileLock;

use crate::support::{
    LEFT, NOTHING, Scenario, SideEffect, after, elsewhere, enter, journal, leave, left_behind,
    nothing, ordinary_run, reason, records, write_snapshot, zope,
};

#[test]
fn a_storage_that_an_enter_closed_is_opened_again_by_its_line_only() {
    let scenario = Scenario::closed().server_method("other", Vec::new(), Vec::new()).server_method(
        "zope",
        Vec::new(),
        vec![(nothing(), Left::Left)],
    );
    left_behind(&scenario, "shutdown", |record| Record { evidence: Evidence::Closed, ..record });
    scenario.play(
        0,
        journal()
            .lines(&[
                "zope leaves",
                LEFT,
                "other: no process has this storage open",
                "zope: no process has this storage open",
            ])
            .command_runs(),
    );
    assert_eq!(records(&scenario), []);

    let scenario = Scenario::closed().server_method("other", Vec::new(), Vec::new());
    left_behind(&scenario, "shutdown", |record| Record { evidence: Evidence::Closed, ..record });
    let outcome = scenario.play(125, NOTHING);
    assert!(
        reason(&outcome).ends_with("by `zope` (line 2 in snapshot.conf), and that line is gone")
    );
    assert_eq!(records(&scenario).len(), 1);
}

#[test]
fn a_storage_that_an_enter_closed_is_opened_again_under_any_of_its_paths() {
    let mut scenario =
        Scenario::closed().server_method("zope", Vec::new(), vec![(nothing(), Left::Left)]);
    left_behind(&scenario, "shutdown", |record| Record { evidence: Evidence::Closed, ..record });
    let link = scenario.storage.root().join("link");
    std::os::unix::fs::symlink(scenario.storage.root(), &link).unwrap();
    scenario.storage = Storage::open(&link).unwrap();
    assert_eq!(scenario.run().status(), 0);
    assert_eq!(scenario.said()[..2], ["zope leaves", LEFT]);
    assert_eq!(records(&scenario), []);
}

#[test]
fn a_storage_that_an_enter_closed_is_opened_again_while_its_openness_is_unknown() {
    let scenario = Scenario::closed().server_method(
        "zope",
        vec![(enter(), Entered::Held)],
        vec![(nothing(), Left::Left), (leave(), Left::Left)],
    );
    // A lock that cannot be tried.
    fs::create_dir(scenario.storage.lock()).unwrap();
    left_behind(&scenario, "shutdown", |record| Record { evidence: Evidence::Closed, ..record });
    scenario.play(0, after(&["zope leaves", LEFT]));
    assert_eq!(records(&scenario), []);
}

#[test]
fn the_record_of_a_closed_storage_goes_once_somebody_opened_it() {
    for scenario in [zope(Vec::new()), Scenario::closed()] {
        left_behind(&scenario, "", |record| Record { evidence: Evidence::Closed, ..record });
        scenario.run();
        assert_eq!(records(&scenario), []);
    }
}

#[test]
fn an_unanswered_enter_of_a_method_that_never_closes_is_over_when_its_server_ended() {
    let scenario = Scenario::closed();
    left_behind(&scenario, "shutdown", |record| Record {
        evidence: Evidence::Unknown,
        may_close: false,
        ..record
    });
    scenario.play(0, journal().command_runs());
    assert_eq!(records(&scenario), []);
}

#[test]
fn a_storage_that_was_closed_on_another_machine_is_not_opened_here() {
    let scenario = Scenario::closed().server_method("zope", Vec::new(), Vec::new());
    left_behind(&scenario, "shutdown", |record| Record {
        evidence: Evidence::Closed,
        host: elsewhere(),
        ..record
    });
    let outcome = scenario.run();
    assert_eq!(outcome.status(), 0);
    assert_eq!(records(&scenario).len(), 1);
}

/// A script that stops the server, which commits once more while it closes, so many times.
fn stops_in_the_middle(times: usize) -> Scenario {
    let scenario = Scenario::open();
    let folder = scenario.storage.journal().join("working_0000000000000001_done");
    let stop = |late: bool| -> SideEffect {
        let (ends, folder) = (scenario.ends_server(), folder.clone());
        Box::new(move |storage, code| {
            ends(storage, code);
            write_snapshot("shutdown")(storage, code);
            if late {
                fs::create_dir(&folder).unwrap();
            }
        })
    };
    let start = || -> SideEffect {
        let (server, folder) = (Arc::clone(&scenario.server), folder.clone());
        Box::new(move |storage, _| {
            *server.lock().unwrap() = Some(FileLock::take(&storage.lock()).unwrap());
            let _ = fs::remove_dir(&folder);
            fs::remove_file(storage.snapshot()).unwrap();
        })
    };
    let enters = (0..3).map(|time| (stop(time < times), Entered::Held)).collect();
    let leaves = (0..3).map(|_| (start(), Left::Left)).collect();
    scenario.server_method("script", enters, leaves)
}

#[test]
fn a_commit_that_ends_while_a_script_stops_the_server_costs_one_more_try() {
    stops_in_the_middle(0).play(0, ordinary_run("script"));
    let late =
        "script: the storage was closed, but transactions ended meanwhile that are not in A/";
    let once_more = journal().entered("script").left("script").line(late).ordinary_run("script");
    stops_in_the_middle(1).play(0, once_more);
    let outcome = stops_in_the_middle(2).run();
    assert_eq!(outcome.status(), 125, "waiting helps, but nothing was in use");
    assert!(reason(&outcome).contains("transactions ended meanwhile"));
    let outcome = stops_in_the_middle(2).job(|job| {
        job.wait = std::time::Duration::from_secs(60);
        job.pause = std::time::Duration::ZERO;
    });
    assert_eq!(outcome.run().status(), 0);
}
