//! Storages that the enter of an earlier run closed: opened again by its own line, and only there.

use std::fs;
use std::sync::Arc;

use dsnap_core::method::{Entered, Left};
use dsnap_engine::record::entry::Record;
use dsnap_engine::record::evidence::Evidence;
use dsnap_engine::storage::Storage;
use dsnap_engine::system::flock::FileLock;

use crate::support::{
    LEFT, NOTHING, Scenario, SideEffect, after, because, elsewhere, enter, journal, leave,
    left_behind, nothing, ordinary_run, reason, records, write_snapshot, zope,
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
    let scenario = zope(Vec::new());
    left_behind(&scenario, "", |record| Record { evidence: Evidence::Closed, ..record });
    scenario.run();
    assert_eq!(records(&scenario), []);
}

#[test]
fn a_server_that_an_enter_ended_is_started_again_even_if_it_did_not_close_the_storage() {
    let scenario =
        Scenario::closed().server_method("zope", Vec::new(), vec![(nothing(), Left::Left)]);
    left_behind(&scenario, "", |record| Record { evidence: Evidence::Closed, ..record });
    let outcome = scenario.run();
    assert_eq!(scenario.said()[..2], ["zope leaves", LEFT], "{outcome:?}");
    assert_eq!(records(&scenario), []);
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
    assert!(scenario.said()[0].starts_with("a run on another machine (on elsewhere, as "));
    assert_eq!(records(&scenario).len(), 1);
}

/// A script that ends the server, and starts it again. `snapshot` is what the server leaves in
/// `misc/snapshot`; if `late`, a transaction that ended last is in `journal/` only.
fn ends_the_server(snapshot: &'static str, late: bool) -> Scenario {
    let scenario = Scenario::open();
    let (ends, server) = (scenario.ends_server(), Arc::clone(&scenario.server));
    let stop: SideEffect = Box::new(move |storage, code| {
        ends(storage, code);
        if !snapshot.is_empty() {
            write_snapshot(snapshot)(storage, code);
        }
        if late {
            fs::create_dir(storage.journal().join(LATE)).unwrap();
        }
    });
    let start: SideEffect = Box::new(move |storage, _| {
        *server.lock().unwrap() = Some(FileLock::take(&storage.lock()).unwrap());
        let _ = fs::remove_file(storage.snapshot());
    });
    scenario.server_method("script", vec![(stop, Entered::Held)], vec![(start, Left::Left)])
}

const LATE: &str = "working_0000000000000001_done";
const ROLLS: &str = "the server ended without closing the storage; files recovers it";

/// The method that works on the files, which rolls the storage forward.
fn rolls_forward() -> (SideEffect, Entered) {
    let done: SideEffect = Box::new(|storage, code| {
        let _ = fs::remove_dir(storage.journal().join(LATE));
        write_snapshot("shutdown")(storage, code);
    });
    (done, Entered::Done)
}

#[test]
fn a_server_that_a_script_closes_needs_nothing_more() {
    ends_the_server("shutdown", false).play(0, ordinary_run("script"));
}

#[test]
fn what_a_server_did_not_close_is_rolled_forward_and_the_script_starts_it_again() {
    for (snapshot, late) in [("", true), ("", false), ("shutdown", true), ("user/stale", true)] {
        let scenario = ends_the_server(snapshot, late).file_method("files", vec![rolls_forward()]);
        let journal = journal().entered("script").lines(&[ROLLS, "files enters"]);
        scenario.play(0, journal.command_runs().left("script"));
        assert_eq!(records(&scenario), []);
    }
}

#[test]
fn what_a_server_did_not_close_is_no_snapshot_where_direct_is_not_allowed() {
    for (snapshot, words) in [
        ("", "it did not close the storage: misc/snapshot is absent"),
        (
            "shutdown",
            "it did not close the storage: transactions ended meanwhile that are not in A/",
        ),
    ] {
        let scenario = ends_the_server(snapshot, true);
        let line = format!("script: the server ended, but {words}");
        let outcome = scenario.play(125, journal().entered("script").left("script").line(&line));
        assert_eq!(reason(&outcome), line);
        assert_eq!(records(&scenario), []);
    }
}

#[test]
fn a_script_starts_the_server_again_if_rolling_forward_fails() {
    let full = (nothing(), Entered::Failed(because("no space left")));
    // Its own turn comes later, when the storage is open again.
    let open = (nothing(), Entered::Unavailable(because("open")));
    let scenario = ends_the_server("", true).file_method("files", vec![full, open]);
    let journal = journal().entered("script").lines(&[ROLLS, "files enters"]).left("script");
    let failed = ["script: files: no space left", "files enters", "files: open"];
    scenario.play(125, journal.lines(&failed));
    assert!(scenario.server.lock().unwrap().is_some());
}
