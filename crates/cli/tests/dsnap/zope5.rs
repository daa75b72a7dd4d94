//! A Zope 4, 5 or 6, which answers every exception with a 500 and no reason: the question for the
//! snapshot code decides what became of a call.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use dsnap_testkit::Site;
use dsnap_testkit::site::{Call, Fault, Server, Step, ZopeVersion};
use nix::sys::signal::Signal::SIGTERM;

use crate::support::{Dsnap, HTTP, Ran, assert_free, conf, copies, in_parallel, site_builder};

/// What a run says that does not know whether its snapshot still begins.
const MAY_BEGIN: &str = "may still begin";

/// What a run says that has left its snapshot.
const LEFT: &str = "Left snapshot mode";

fn zope5() -> Site {
    site_builder().answers(ZopeVersion::Zope5).start().unwrap()
}

/// Asserts the status, and that nothing was waited for: the answer decided.
#[track_caller]
fn decides(ran: Ran, status: i32) -> Ran {
    assert_eq!(ran.status.code(), Some(status), "{ran}");
    ran.counts(MAY_BEGIN, 0).counts("is not known", 0).counts("may or may not", 0)
}

#[test]
fn an_ordinary_run_says_four_lines_and_the_copy_contains_what_was_committed() {
    let builder = site_builder().answers(ZopeVersion::Zope5);
    let site = builder.commits_per_second(200).start().unwrap();
    site.server().unwrap().commit(20).unwrap();
    let (ran, copy) = copies(Dsnap::at(&site), &site, "copy");
    ran.says(0, HTTP).prints("");
    site.ledger().unwrap().verify(&copy).assert_holds();
    assert_free(&site);
}

#[test]
fn a_snapshot_of_somebody_else_and_a_pack_are_in_use_at_once() {
    let site = zope5();
    let server = site.server().unwrap();
    server.enter("stranger").unwrap();
    decides(Dsnap::at(&site).arg("true").run(), 75).mentions("user/stranger");
    server.leave("stranger").unwrap();
    server.wait_until_free();
    server.pack().unwrap();
    decides(Dsnap::at(&site).arg("true").run(), 75).mentions("packed");
    server.end_packing().unwrap();
    server.wait_until_free();
    Dsnap::at(&site).arg("true").run().says(0, HTTP);
}

#[test]
fn a_server_that_recombines_is_known_for_that_and_waited_for() {
    let site = zope5();
    let server = site.server().unwrap();
    server.enter("stranger").unwrap();
    server.hold_at(Step::Recombine);
    server.leave("stranger").unwrap();
    assert!(server.wait_at(Step::Recombine));
    let mut run = Dsnap::at(&site).arg("true").spawn();
    run.wait_for("the server is recombining");
    server.go_on();
    decides(run.end(), 0).mentions(HTTP);
}

#[test]
fn a_snapshot_or_pack_that_begins_between_the_question_and_the_enter_is_in_use_at_once() {
    type Begin = fn(&Server);
    let enter: Begin = |server| server.enter("stranger").unwrap();
    let pack: Begin = |server| server.pack().unwrap();
    in_parallel([(enter, "user/stranger"), (pack, "packed")], |(begin, words)| {
        let site = zope5();
        let server = site.server().unwrap();
        server.hold_at(Step::Flush);
        let other = Arc::clone(&server);
        let beginning = thread::spawn(move || begin(&other));
        assert!(server.wait_at(Step::Flush));
        // The server answers the question with nil, and lets the enter wait.
        let run = Dsnap::at(&site).arg("true").spawn();
        assert!(server.wait_for_callers(2));
        server.go_on();
        decides(run.end(), 75).mentions(words);
        beginning.join().unwrap();
    });
}

#[test]
fn a_server_that_was_started_while_the_sublock_was_held_is_refused_with_the_reason() {
    let site = zope5();
    site.stop_server().unwrap();
    let tool = dsnap_engine::system::flock::FileLock::take(&site.storage().sublock()).unwrap();
    site.start_server().unwrap();
    drop(tool);
    let ran = Dsnap::at(&site).args(["-t", "1h", "true"]).run();
    decides(ran, 125).mentions("restart");
}

#[test]
fn a_zope_that_has_lost_its_zeo_server_is_waited_for() {
    let site = zope5();
    site.fault(None, Fault::Disconnected, None, None);
    let mut waiting = Dsnap::at(&site).args(["-t", "10m", "-s", "0.1", "true"]).spawn();
    waiting.wait_for("Retrying snapshot.... (");
    site.no_faults();
    decides(waiting.end(), 0).mentions(LEFT);
    assert_free(&site);
}

#[test]
fn a_full_disk_fails_its_line_and_leaves_no_snapshot() {
    let site = zope5();
    let server = site.server().unwrap();
    server.fill_disk(true);
    let ran = Dsnap::at(&site).args(["-t", "1h", "true"]).run();
    decides(ran, 125).mentions("misc/snapshot is empty").counts(LEFT, 1);
    assert_free(&site);
    assert!(!site.storage().snapshot().exists(), "an empty misc/snapshot is gone, too");
    server.fill_disk(false);
    Dsnap::at(&site).arg("true").run().says(0, HTTP);
    assert_free(&site);
}

#[test]
fn an_object_that_does_not_exist_a_wrong_password_and_xmlrpc_off_are_refused() {
    let site = zope5();
    std::fs::write(site.storage().config().join("wrong"), "admin:wrong\n").unwrap();
    for (line, words) in [
        ("http URL/nothing access", "there is no DirectoryStorageToolkit at URL/nothing (404"),
        ("http URL wrong", "not authorised: URL answered 401"),
    ] {
        let line = line.replace("URL", &site.urls()[0]);
        let ran = Dsnap::at(&site).args(["-t", "1h", "--method", &line, "true"]).run();
        decides(ran, 125).mentions(words);
    }
    let site = site_builder().answers(ZopeVersion::Zope5).xmlrpc(false).start().unwrap();
    let ran = Dsnap::at(&site).args(["-t", "1h", "true"]).run();
    decides(ran, 125).mentions("enable-xmlrpc on");
    assert_free(&site);
}

#[test]
fn a_signal_leaves_the_snapshot() {
    let site = zope5();
    let running = Dsnap::at(&site).args(["sh", "-c", "echo begun; exec sleep 600"]).start();
    running.signal(SIGTERM);
    running.end().says(128 + 15, HTTP);
    assert_free(&site);
}

/// What comes of a fault that meets `enterSnapshot` once, with no other line: the status, and
/// words on stderr.
const FAULTS_OF_ENTERING: [(Fault, i32, &str); 16] = [
    (Fault::Slow(Duration::from_millis(50)), 0, LEFT),
    (Fault::Silent, 0, LEFT),
    (Fault::HalfAnswer, 0, LEFT),
    (Fault::ResetAfter, 0, LEFT),
    (Fault::BadGateway, 0, LEFT),
    (Fault::Elsewhere, 0, LEFT),
    (Fault::NotXml, 0, LEFT),
    (Fault::Endless, 0, LEFT),
    (Fault::Unauthorized, 125, "not authorised"),
    (Fault::Forbidden, 125, "403"),
    (Fault::Refused, 125, FAILED),
    (Fault::ServerError, 125, FAILED),
    (Fault::Disconnected, 125, FAILED),
    (Fault::Deaf, 125, MAY_BEGIN),
    (Fault::ResetBefore, 125, MAY_BEGIN),
    (Fault::LoginForm, 125, MAY_BEGIN),
];

/// A 500 for an enter that had no effect.
const FAILED: &str = "answered 500 Internal Server Error, and is in no snapshot";

#[test]
fn after_each_fault_of_entering_no_snapshot_is_left_or_the_run_says_so() {
    in_parallel(FAULTS_OF_ENTERING, |(fault, status, words)| {
        let site = zope5();
        conf(&site, "http URL access timeout=3\nnodirect\n");
        site.fault(None, fault, Some(Call::Enter), Some(1));
        let ran = Dsnap::at(&site).arg("true").run().mentions(words);
        assert_eq!(ran.status.code(), Some(status), "{fault:?}: {ran}");
        let ran = if words == FAILED { ran.counts(MAY_BEGIN, 0) } else { ran };
        assert_free(&site);
        // The next run works after each of them.
        let next = Dsnap::at(&site).arg("true").run().mentions(LEFT);
        assert_eq!(next.status.code(), Some(0), "{fault:?}: {ran}{next}");
        assert_free(&site);
    });
}

#[test]
fn the_wrong_server_is_left_again() {
    let site = zope5();
    site.fault(None, Fault::WrongStorage, None, None);
    let ran = Dsnap::at(&site).arg("true").run();
    decides(ran, 125).mentions("the line leads to the server of another storage");
    assert_eq!(site.other().1.filter(|code| code.starts_with("user/")), None);
    assert_free(&site);
}

#[test]
fn each_fault_of_a_leave_and_of_its_question_is_tried_again_until_it_is_confirmed() {
    let cases = Fault::ALL.map(|(fault, ..)| [(fault, Call::Leave), (fault, Call::Status)]);
    in_parallel(cases.concat(), |(fault, call)| {
        let site = zope5();
        // The slow fault is slower than the line allows.
        conf(&site, "http URL access timeout=3\n");
        let running = Dsnap::at(&site).sh("echo begun; read go").open_stdin().start();
        site.fault(None, fault, Some(call), Some(1));
        let ran = running.end().counts(LEFT, 1);
        assert_eq!(ran.status.code(), Some(1), "{call:?} {fault:?}: {ran}");
        assert_free(&site);
    });
}

#[test]
fn after_each_fault_of_the_question_before_the_enter_no_snapshot_is_entered() {
    in_parallel(Fault::ALL, |(fault, ..)| {
        // The other storage is in no snapshot, so nothing is wrong with its server's answer.
        let status = if fault == Fault::WrongStorage { 0 } else { 125 };
        let site = zope5();
        conf(&site, "http URL access timeout=3\nnodirect\n");
        site.fault(None, fault, Some(Call::Status), Some(1));
        decides(Dsnap::at(&site).arg("true").run(), status);
        assert_free(&site);
        Dsnap::at(&site).arg("true").run().says(0, HTTP);
    });
}

#[test]
fn a_snapshot_whose_server_does_not_answer_is_named_with_the_command_that_cleans_up() {
    in_parallel(Fault::ALL, |(fault, ..)| {
        let site = zope5();
        conf(&site, "http URL access timeout=3\n");
        site.server().unwrap().enter("lost").unwrap();
        site.fault(None, fault, Some(Call::Status), None);
        let ran = Dsnap::at(&site).args(["--recover", "--code", "lost"]).run();
        assert_eq!(ran.status.code(), Some(122), "{fault:?}: {ran}");
        assert_eq!(site.held().as_deref(), Some("user/lost"), "no leave was sent: {fault:?}");
        ran.mentions("hint: dsnap --storage DIR --recover");
        site.no_faults();
        let ran = Dsnap::at(&site).args(["--recover", "--code", "lost"]).run();
        assert_eq!(ran.status.code(), Some(0), "{fault:?}: {ran}");
        assert_free(&site);
    });
}
