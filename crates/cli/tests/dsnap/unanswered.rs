//! A Zope that does not answer as it should, and an enter that takes effect late: at the end of the
//! run no snapshot is left, or the run names the one that may be.

use std::fs::File;
use std::time::{Duration, SystemTime};

use dsnap_engine::record::run_record::RunRecord;
use dsnap_testkit::Site;
use dsnap_testkit::site::{Call, Fault, Step};
use nix::sys::signal::Signal::{SIGKILL, SIGTERM};

use crate::support::{
    Dsnap, HTTP, assert_free, conf, copies, in_parallel, is_locked, site, site_builder, wait_until,
};

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
    (Fault::Refused, 125, "LockError: Couldn't lock"),
    (Fault::Deaf, 125, "may still begin; the next run checks that"),
    (Fault::ResetBefore, 125, "may still begin; the next run checks that"),
    (Fault::ServerError, 125, "answered 500 Internal Server Error, and is in no snapshot"),
    (Fault::LoginForm, 125, "may still begin; the next run checks that"),
    (Fault::Disconnected, 125, "may still begin; the next run checks that"),
];

const LEFT: &str = "Left snapshot mode";

#[test]
fn after_each_fault_of_entering_no_snapshot_is_left_or_the_run_says_so() {
    in_parallel(FAULTS_OF_ENTERING, |(fault, status, words)| {
        let site = site();
        conf(&site, "http URL access timeout=3\nnodirect\n");
        site.fault(None, fault, Some(Call::Enter), Some(1));
        let ran = Dsnap::at(&site).arg("true").run().mentions(words);
        assert_eq!(ran.status.code(), Some(status), "{fault:?}: {ran}");
        assert_free(&site);
        assert_eq!(site.other().1.filter(|code| code.starts_with("user/")), None, "{fault:?}");
        // The next run works after each of them.
        Dsnap::at(&site).arg("true").run().mentions(LEFT);
        assert_free(&site);
    });
}

#[test]
fn a_lock_dated_ahead_of_this_clock_does_not_hide_a_snapshot_that_begins_late() {
    let site = site();
    let lock = File::options().write(true).open(site.storage().lock()).unwrap();
    lock.set_modified(SystemTime::now() + Duration::from_secs(3600)).unwrap();
    site.fault(None, Fault::ResetBefore, Some(Call::Enter), Some(1));
    let ran = Dsnap::at(&site).arg("true").run();
    let code = ran.stderr.split("user/").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    ran.mentions("may still begin; the next run checks that");
    Dsnap::at(&site).arg("true").run().says(0, HTTP);
    site.server().unwrap().enter(&code).unwrap();
    let left = format!("Left the snapshot user/{code}, which an earlier run had left behind\n");
    Dsnap::at(&site).arg("true").run().says(0, &(left + HTTP));
    assert_free(&site);
}

#[test]
fn each_fault_of_leaving_is_tried_again_until_it_is_confirmed() {
    with_each_fault(|fault| {
        let site = site();
        // The slow fault is slower than the line allows.
        conf(&site, "http URL access timeout=3\n");
        site.fault(None, fault, Some(Call::Leave), Some(1));
        let ran = Dsnap::at(&site).arg("true").run().counts(LEFT, 1);
        assert_eq!(ran.status.code(), Some(0), "{fault:?}: {ran}");
        assert_free(&site);
    });
}

#[test]
fn a_slow_answer_to_a_leave_is_an_answer() {
    let site = site();
    site.fault(None, Fault::Slow(Duration::from_millis(50)), Some(Call::Leave), Some(1));
    Dsnap::at(&site).arg("true").run().says(0, HTTP);
    assert_free(&site);
}

/// Plays a scenario with each fault.
fn with_each_fault(play: impl Fn(Fault) + Sync) {
    in_parallel(Fault::ALL, |(fault, ..)| play(fault));
}

#[test]
fn each_fault_of_the_question_before_an_enter_fails_its_line_and_enters_nothing() {
    with_each_fault(|fault| {
        // The server of another storage may well be free.
        if fault == Fault::WrongStorage {
            return;
        }
        let site = site();
        conf(&site, "http URL access timeout=3\nnodirect\n");
        site.fault(None, fault, Some(Call::Status), None);
        let ran = Dsnap::at(&site).arg("touch").arg(site.path().join("ran")).run();
        assert_eq!(ran.status.code(), Some(125), "{fault:?}: {ran}");
        assert!(!site.path().join("ran").exists(), "{fault:?}");
        assert_eq!(site.held(), None, "{fault:?}");
        assert_free(&site);
    });
}

#[test]
fn each_fault_of_the_question_before_a_leave_costs_one_try_at_most() {
    with_each_fault(|fault| {
        let site = site();
        conf(&site, "http URL access timeout=3\n");
        let running = Dsnap::at(&site).sh("echo begun; read go; true").open_stdin().start();
        site.fault(None, fault, Some(Call::Status), Some(1));
        let ran = running.end();
        assert_eq!(ran.status.code(), Some(0), "{fault:?}: {ran}");
        assert!(ran.stderr.ends_with("\nLeft snapshot mode\n"), "{fault:?}: {ran}");
        // The server of another storage answers that there is nothing to leave.
        let retried = usize::from(fault == Fault::WrongStorage);
        ran.counts(" was left at try 2; the try before failed: ", retried);
        assert_free(&site);
    });
}

#[test]
fn a_snapshot_whose_server_does_not_answer_is_named_with_the_command_that_cleans_up() {
    with_each_fault(|fault| {
        let site = site();
        conf(&site, "http URL access timeout=3\n");
        site.server().unwrap().enter("lost").unwrap();
        site.fault(None, fault, Some(Call::Status), None);
        let ran = Dsnap::at(&site).args(["--recover", "--code", "lost"]).run();
        assert_eq!(ran.status.code(), Some(122), "{fault:?}: {ran}");
        assert_eq!(site.held().as_deref(), Some("user/lost"), "no leave was sent: {fault:?}");
        ran.mentions("--recover failed: DIR is still in snapshot mode (code user/lost): ")
            .mentions("hint: dsnap --storage DIR --recover");
        site.no_faults();
        let ran = Dsnap::at(&site).args(["--recover", "--code", "lost"]).run();
        assert_eq!(ran.status.code(), Some(0), "{fault:?}: {ran}");
        assert_free(&site);
    });
}

#[test]
fn a_leave_that_needed_more_than_one_try_is_reported_even_with_q() {
    let site = site();
    site.fault(None, Fault::Refused, Some(Call::Leave), Some(2));
    let ran = Dsnap::at(&site).args(["-q", "true"]).run();
    assert!(
        ran.stderr.lines().count() == 1 && ran.stderr.starts_with("DIR: the snapshot "),
        "{ran}"
    );
    ran.counts(" was left at try 3; the try before failed: ", 1);
}

#[test]
fn no_leave_is_sent_before_the_enter_shows() {
    let site = site();
    conf(&site, "http URL access timeout=1\n");
    let server = site.server().unwrap();
    server.hold_at(Step::Flush);
    let run = Dsnap::at(&site).arg("true").spawn();
    assert!(server.wait_at(Step::Flush));
    let ran = run.end().mentions("may still begin; the next run checks that");
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    server.go_on();
    wait_until("the late enter", || site.held().is_some() && !is_locked(&site.storage().sublock()));
    // The next run finds the record, and leaves what came late.
    Dsnap::at(&site)
        .arg("true")
        .run()
        .mentions("which an earlier run had left behind")
        .mentions(HTTP);
    assert_free(&site);
}

#[test]
fn no_leave_is_sent_before_the_snapshot_file_is_written() {
    let site = site();
    conf(&site, "http URL access timeout=1\n");
    let server = site.server().unwrap();
    server.hold_at(Step::CodeSet);
    let mut run = Dsnap::at(&site).arg("true").spawn();
    assert!(server.wait_at(Step::CodeSet));
    run.wait_for("no answer from http://");
    server.go_on();
    let ran = run.end().mentions("Left snapshot mode");
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    assert_free(&site);
}

#[test]
fn a_stop_while_the_enter_is_on_its_way_waits_for_it_and_leaves() {
    let site = site();
    let server = site.server().unwrap();
    server.hold_at(Step::Flush);
    let run = Dsnap::at(&site).arg("true").spawn();
    assert!(server.wait_at(Step::Flush));
    run.signal(SIGTERM);
    server.go_on();
    run.end()
        .mentions("Left snapshot mode")
        .ends(128 + 15, "COMMAND was not run: dsnap was stopped by signal TERM");
    assert_free(&site);
}

#[test]
fn an_enter_that_another_line_confirms_leaves_no_record_behind() {
    let site = site_builder().zopes(2).start().unwrap();
    site.fault(Some(0), Fault::ResetAfter, Some(Call::Enter), Some(1));
    let ran = Dsnap::at(&site).arg("true").run().mentions("Entered snapshot using URL2");
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    assert_free(&site);
    let kept = std::fs::read_to_string(site.storage().run_lock()).unwrap();
    assert!(!kept.contains("record "), "{kept}");
}

#[test]
fn an_enter_that_flushes_longer_than_its_line_allows_is_waited_for_by_the_next_and_held() {
    let slow = Duration::from_millis(600);
    let site = site_builder().zopes(2).flush_time(slow).start().unwrap();
    conf(&site, "http URL access timeout=1\nhttp URL2 access\n");
    // So many stay in the journal: together they take longer than a second.
    site.server().unwrap().commit(3).unwrap();
    let (ran, copy) = copies(Dsnap::at(&site), &site, "copy");
    let ran = ran
        .mentions("no answer from URL within 1 second")
        .mentions("Entered snapshot using URL2\n");
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    let ran = ran.counts("Entered snapshot", 1).counts("Left snapshot mode\n", 1);
    assert_eq!(site.ledger().unwrap().transactions().len(), 15, "{ran}");
    site.ledger().unwrap().verify(&copy).assert_holds();
    assert_free(&site);
}

#[test]
fn a_full_disk_fails_its_line_and_leaves_no_snapshot() {
    let site = site();
    let method = site.storage().config().join("method");
    std::fs::write(&method, "#!/bin/sh\ntouch \"$DSNAP_STORAGE/asked\"\nexit 69\n").unwrap();
    std::fs::set_permissions(&method, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    conf(&site, "http URL access\nexec method\n");
    let server = site.server().unwrap();
    server.fill_disk(true);
    let ran = Dsnap::at(&site).arg("true").run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    ran.mentions("enterSnapshot failed at URL: OSError: [Errno 28] No space left on device");
    assert!(site.path().join("asked").exists(), "the next line was asked");
    assert_free(&site);
    assert!(!site.storage().snapshot().exists(), "an empty misc/snapshot is gone, too");
    conf(&site, "http URL access\nnodirect\n");
    let ran = Dsnap::at(&site).args(["-t", "1h", "true"]).run();
    assert_eq!(ran.status.code(), Some(125), "waiting would be no help: {ran}");
    assert_free(&site);
    server.fill_disk(false);
    Dsnap::at(&site).arg("true").run().says(0, HTTP);
    assert_free(&site);
}

#[test]
fn an_enter_that_a_full_disk_broke_is_left_although_its_answer_was_lost() {
    let site = site();
    conf(&site, "http URL access timeout=3\nnodirect\n");
    let server = site.server().unwrap();
    server.fill_disk(true);
    site.fault(None, Fault::Silent, Some(Call::Enter), Some(1));
    let ran = Dsnap::at(&site).arg("true").run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    ran.mentions("misc/snapshot is empty: the server cannot write to it")
        .mentions("\nhint: make room on the file system of the storage");
    assert_free(&site);
    assert!(!site.storage().snapshot().exists());
}

/// A site whose server is in a snapshot with the code of a killed run, and could not write it.
fn broken_by_a_full_disk() -> Site {
    let site = site();
    conf(&site, "http URL access\nnodirect\n");
    let running = Dsnap::at(&site).sh("echo begun; read go").open_stdin().start();
    let recorded = || {
        RunRecord::read(site.storage()).is_ok_and(|run| run.is_some_and(|it| it.command.is_some()))
    };
    wait_until("a record of COMMAND", recorded);
    running.signal(SIGKILL);
    wait_until("the end of the run", || !is_locked(&site.storage().run_lock()));
    running.end();
    wait_until("the end of COMMAND", || !is_locked(&site.storage().sublock()));
    std::fs::write(site.storage().snapshot(), "").unwrap();
    site
}

#[test]
fn while_misc_snapshot_is_empty_the_server_of_a_killed_run_is_asked() {
    let site = broken_by_a_full_disk();
    let code = site.server().unwrap().code().unwrap().unwrap();
    let said = format!("Left the snapshot {code}, which an earlier run had left behind\n{HTTP}");
    Dsnap::at(&site).arg("true").run().says(0, &said);
    assert_free(&site);

    let site = broken_by_a_full_disk();
    let ran = Dsnap::at(&site).arg("--status").run();
    assert_eq!(ran.status.code(), Some(1), "the next run repairs it: {ran}");
    let ran = Dsnap::at(&site).arg("--recover").run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    assert_free(&site);
}

#[test]
fn a_run_that_finds_an_empty_misc_snapshot_in_use_names_the_command_that_asks_for_its_code() {
    let site = broken_by_a_full_disk();
    std::fs::remove_file(site.storage().run_lock()).unwrap();
    let ran = Dsnap::at(&site).arg("true").run();
    assert_eq!(ran.status.code(), Some(75), "{ran}");
    ran.mentions("\nhint: to see how that snapshot is ended if nothing uses it: dsnap --storage DIR --recover\n");
}

#[test]
fn while_misc_snapshot_is_empty_recover_asks_the_server_for_a_snapshot_without_a_record() {
    let site = broken_by_a_full_disk();
    let code = site.server().unwrap().code().unwrap().unwrap();
    std::fs::remove_file(site.storage().run_lock()).unwrap();
    let ran = Dsnap::at(&site).arg("--recover").run();
    assert_eq!(ran.status.code(), Some(75), "{ran}");
    let named = format!(
        "misc/snapshot in DIR is empty, but its server is in the snapshot `{code}` (says URL)"
    );
    let code = code.trim_start_matches("user/");
    let hint = format!(
        "\nhint: if nothing uses that snapshot any more: dsnap --storage DIR --recover --code {code}"
    );
    ran.mentions(&named).mentions(&hint);
    let ran = Dsnap::at(&site).args(["--recover", "--code", code]).run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    assert_free(&site);
}

#[test]
fn an_empty_misc_snapshot_of_which_no_server_can_speak_is_not_nothing_to_leave() {
    let site = broken_by_a_full_disk();
    std::fs::remove_file(site.storage().run_lock()).unwrap();
    conf(&site, "http URL wrong\nnodirect\n");
    let ran = Dsnap::at(&site).arg("--recover").run();
    assert_eq!(ran.status.code(), Some(122), "{ran}");
    ran.mentions(
        "misc/snapshot in DIR is empty, and which snapshot its server is in is not known: ",
    )
    .mentions("\nhint: restart the server that has the storage open");
}
