//! A running Zope, simulated: entered and left by http, whatever it answers.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::PathBuf;
use std::time::Duration;

use dsnap_core::holders::is_held;
use dsnap_testkit::Site;
use dsnap_testkit::site::{Call, Fault, Step};
use nix::sys::signal::Signal::SIGTERM;

use crate::stage::{Dsnap, HTTP, Ran, as_root, wait_until};

fn site() -> Site {
    Site::builder().start().unwrap()
}

/// A site that commits all the time.
fn busy() -> Site {
    let site = Site::builder().commits_per_second(200).start().unwrap();
    site.server().unwrap().commit(20).unwrap();
    site
}

fn conf(site: &Site, lines: &str) {
    let text =
        site.urls().iter().zip(["URL", "URL2"]).fold(lines.to_owned(), |text, (url, name)| {
            text.replace(&format!("{name} "), &format!("{url} "))
        });
    fs::write(site.storage().config().join("snapshot.conf"), text).unwrap();
}

/// Copies `A/`, as a backup does.
fn copies(dsnap: Dsnap, site: &Site, to: &str) -> (Ran, PathBuf) {
    let copy = site.path().parent().unwrap().join(to);
    let ran = dsnap.args(["cp", "-a"]).arg(site.storage().a()).arg(&copy).run();
    (ran, copy)
}

#[track_caller]
fn assert_free(site: &Site) {
    site.server().unwrap().wait_until_free();
    assert_eq!(site.held(), None);
    assert!(is_held(&site.storage().sublock()), "the server has its lock back");
}

#[test]
fn an_ordinary_run_says_four_lines_and_the_copy_holds_what_was_committed() {
    let site = busy();
    let (ran, copy) = copies(Dsnap::at(&site), &site, "copy");
    ran.says(0, HTTP).prints("");
    site.ledger().unwrap().verify(&copy).assert_holds();
    assert_free(&site);
}

#[test]
fn the_last_transaction_that_command_is_told_is_the_last_in_a() {
    let site = busy();
    let ran = Dsnap::at(&site).sh("echo $SNAPSHOT_TID; cat \"$SNAPSHOT_DIRECTORY/misc/snapshot\"; echo; echo user/$SNAPSHOT_CODE").run();
    let ran = ran.says(0, HTTP);
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(lines[0], site.ledger().unwrap().last_tid_hex());
    assert_eq!(lines[1], lines[2]);
}

#[test]
fn a_is_never_written_while_command_runs() {
    let site = busy();
    let running = Dsnap::at(&site).sh("echo begun; read go").change(piped).start();
    let ledger = site.ledger().unwrap();
    site.server().unwrap().commit(50).unwrap();
    ledger.verify(&site.storage().a()).assert_holds();
    running.end().says(1, HTTP);
    assert_free(&site);
}

fn piped(command: &mut std::process::Command) {
    command.stdin(std::process::Stdio::piped());
}

#[test]
fn a_signal_leaves_the_snapshot() {
    let site = site();
    let running = Dsnap::at(&site).args(["sh", "-c", "echo begun; exec sleep 600"]).start();
    running.signal(SIGTERM);
    running.end().says(128 + 15, HTTP);
    assert_free(&site);
}

#[test]
fn a_command_that_is_not_found_leaves_the_snapshot() {
    let site = site();
    Dsnap::at(&site)
        .arg("no-such-command")
        .run()
        .mentions("COMMAND was not run: ")
        .counts("Left snapshot mode", 1);
    assert_free(&site);
}

/// What comes of a fault that meets `enterSnapshot` once, with no other line.
struct OfEnter {
    fault: Fault,
    status: i32,
    words: &'static str,
}

#[test]
fn each_fault_of_entering_leaves_nothing_held_or_says_so() {
    let held = "Left snapshot mode";
    for OfEnter { fault, status, words } in [
        OfEnter { fault: Fault::Slow(Duration::from_millis(50)), status: 0, words: held },
        OfEnter { fault: Fault::Silent, status: 0, words: held },
        OfEnter { fault: Fault::HalfAnswer, status: 0, words: held },
        OfEnter { fault: Fault::ResetAfter, status: 0, words: held },
        OfEnter { fault: Fault::BadGateway, status: 0, words: held },
        OfEnter { fault: Fault::Elsewhere, status: 0, words: held },
        OfEnter { fault: Fault::NotXml, status: 0, words: held },
        OfEnter { fault: Fault::Endless, status: 0, words: held },
        OfEnter { fault: Fault::Unauthorized, status: 125, words: "not authorised" },
        OfEnter { fault: Fault::Forbidden, status: 125, words: "403" },
        OfEnter { fault: Fault::Deaf, status: 125, words: "whether it still enters" },
        OfEnter { fault: Fault::ResetBefore, status: 125, words: "whether it still enters" },
        OfEnter { fault: Fault::ServerError, status: 125, words: "whether it still enters" },
        OfEnter { fault: Fault::LoginForm, status: 125, words: "whether it still enters" },
        OfEnter { fault: Fault::Disconnected, status: 125, words: "whether it still enters" },
    ] {
        let site = site();
        conf(&site, "http URL access timeout=1\nnodirect\n");
        site.fault(None, fault, Some(Call::Enter), Some(1));
        let ran = Dsnap::at(&site).arg("true").run().mentions(words);
        assert_eq!(ran.status.code(), Some(status), "{fault:?}: {ran}");
        assert_free(&site);
        assert_eq!(site.other().1.filter(|code| code.starts_with("user/")), None, "{fault:?}");
        // Whatever it was, the next run works.
        Dsnap::at(&site).arg("true").run().mentions("Left snapshot mode");
        assert_free(&site);
    }
}

#[test]
fn each_fault_of_leaving_is_tried_again_until_it_is_confirmed() {
    for (fault, _, _) in Fault::ALL {
        if matches!(fault, Fault::Slow(_)) {
            continue; // a slow answer to a leave is an answer
        }
        let site = site();
        conf(&site, "http URL access timeout=1\n");
        site.fault(None, fault, Some(Call::Leave), Some(1));
        let ran = Dsnap::at(&site).arg("true").run().counts("Left snapshot mode", 1);
        assert_eq!(ran.status.code(), Some(0), "{fault:?}: {ran}");
        assert_free(&site);
    }
}

#[test]
fn a_leave_that_needed_more_than_one_try_is_said_even_with_q() {
    let site = site();
    site.fault(None, Fault::Refused, Some(Call::Leave), Some(2));
    Dsnap::at(&site).args(["-q", "true"]).run().says(0, "Left snapshot mode (at try 3)\n");
}

#[test]
fn several_zopes_are_asked_in_turn_and_the_other_one_may_leave() {
    let site = Site::builder().zopes(2).start().unwrap();
    site.fault(Some(0), Fault::Unauthorized, None, None);
    let ran = Dsnap::at(&site).arg("true").run();
    ran.mentions("URL: not authorised")
        .mentions("Entered snapshot using URL2")
        .counts("Left snapshot mode", 1);
    site.no_faults();
    // The one that entered does not answer any more.
    site.fault(Some(0), Fault::Unauthorized, Some(Call::Leave), None);
    Dsnap::at(&site).arg("true").run().says(0, HTTP);
    assert_free(&site);
}

#[test]
fn a_bad_access_file_is_one_clear_line_and_the_next_line_is_tried() {
    let write = |site: &Site, content: &[u8]| {
        fs::write(site.storage().config().join("bad"), content).unwrap()
    };
    let cases: [(&[u8], &str); 5] = [
        (b"", "empty"),
        (b"adminpass\n", "user:password"),
        (b":adminpass\n", "user"),
        (b"admin:{SSHA}AbCdEf==\n", "encrypted"),
        (b"admin:a\0b\n", "NUL"),
    ];
    for (content, words) in cases {
        let site = site();
        conf(&site, "http URL bad\nhttp URL access\n");
        write(&site, content);
        let ran = Dsnap::at(&site).arg("true").run().mentions(words).counts("config/bad", 1);
        assert_eq!(ran.status.code(), Some(0), "{ran}");
        assert!(!ran.stderr.contains("adminpass") && !ran.stderr.contains("AbCdEf"), "{ran}");
        assert_free(&site);
    }
    let site = site();
    conf(&site, "http URL missing\nhttp URL access\n");
    let ran = Dsnap::at(&site).arg("true").run().counts("config/missing", 1);
    assert_eq!(ran.status.code(), Some(0), "{ran}");
}

#[test]
fn the_wrong_server_is_left_again_named_and_the_next_line_tried() {
    let site = Site::builder().zopes(2).start().unwrap();
    site.fault(Some(0), Fault::WrongStorage, None, None);
    Dsnap::at(&site)
        .arg("true")
        .run()
        .mentions("URL: it entered a snapshot, but misc/snapshot of this storage is absent: it is the server of another storage")
        .mentions("Entered snapshot using URL2");
    assert_eq!(site.other().1.filter(|code| code.starts_with("user/")), None);
    assert_free(&site);
}

#[test]
fn somebody_elses_snapshot_is_in_use_and_waited_for() {
    let site = site();
    let server = site.server().unwrap();
    server.enter("stranger").unwrap();
    let ran = Dsnap::at(&site).arg("true").run().mentions("user/stranger");
    assert_eq!(ran.status.code(), Some(75), "{ran}");
    let mut waiting = Dsnap::at(&site).args(["-t", "10m", "-s", "0.1", "true"]).spawn();
    waiting.wait_for("Retrying snapshot.... (");
    server.leave("stranger").unwrap();
    waiting.end().mentions("Left snapshot mode");
    assert_free(&site);
}

#[test]
fn packing_and_recombining_are_in_use() {
    let site = site();
    let server = site.server().unwrap();
    server.pack().unwrap();
    assert_eq!(Dsnap::at(&site).arg("true").run().mentions("packed").status.code(), Some(75));
    server.end_packing().unwrap();
    server.wait_until_free();
    server.enter("x").unwrap();
    server.hold_at(Step::Recombine);
    server.leave("x").unwrap();
    assert!(server.wait_at(Step::Recombine));
    assert_eq!(Dsnap::at(&site).arg("true").run().status.code(), Some(75));
    server.go_on();
    server.wait_until_free();
    Dsnap::at(&site).arg("true").run().says(0, HTTP);
}

#[test]
fn a_snapshot_of_somebody_else_may_be_accepted_and_is_not_left() {
    let site = site();
    site.server().unwrap().enter("stranger").unwrap();
    let ran = Dsnap::at(&site)
        .args(["-q", "--accept-existing", "1h", "cat"])
        .arg(site.storage().snapshot())
        .run();
    ran.mentions("Using the existing snapshot `user/stranger`").prints("user/stranger");
    assert_eq!(site.held().as_deref(), Some("user/stranger"));
}

#[test]
fn a_server_that_was_started_while_the_sublock_was_held_is_refused_with_the_reason() {
    let site = site();
    site.stop_server().unwrap();
    let tool = dsnap_core::lock::FileLock::take(&site.storage().sublock()).unwrap();
    site.start_server().unwrap();
    drop(tool);
    let ran = Dsnap::at(&site).args(["-t", "1h", "true"]).run().mentions("restart");
    assert_eq!(ran.status.code(), Some(125), "not waited for: {ran}");
}

#[test]
fn while_nobody_has_the_storage_open_no_server_is_asked() {
    let site = site();
    site.stop_server().unwrap();
    Dsnap::at(&site)
        .args(["-v", "true"])
        .run()
        .mentions("URL: no process has this storage open")
        .mentions("Entered snapshot using direct access");
}

#[test]
fn a_server_that_ends_while_command_runs_leaves_nothing_frozen() {
    let site = site();
    let running = Dsnap::at(&site).sh("echo begun; read go; exit 7").change(piped).start();
    site.stop_server().unwrap();
    let ran = running.end().mentions("the server ended while the snapshot was in use");
    assert_eq!(ran.status.code(), Some(7), "{ran}");
    site.start_server().unwrap();
    Dsnap::at(&site).arg("true").run().says(0, HTTP);
}

#[test]
fn a_leave_that_would_come_before_the_enter_shows_is_not_sent() {
    let site = site();
    conf(&site, "http URL access timeout=1\n");
    let server = site.server().unwrap();
    server.hold_at(Step::Flush);
    let run = Dsnap::at(&site).arg("true").spawn();
    assert!(server.wait_at(Step::Flush));
    let ran = run.end().mentions("whether it still enters the snapshot user/");
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    server.go_on();
    wait_until("the late enter", || site.held().is_some() && !is_held(&site.storage().sublock()));
    // The next run finds the record, and leaves what came late.
    Dsnap::at(&site)
        .arg("true")
        .run()
        .mentions("which an earlier run had left behind")
        .mentions(HTTP);
    assert_free(&site);
}

#[test]
fn a_leave_between_code_and_mark_is_not_sent_either() {
    let site = site();
    conf(&site, "http URL access timeout=1\n");
    let server = site.server().unwrap();
    server.hold_at(Step::CodeSet);
    let mut run = Dsnap::at(&site).arg("true").spawn();
    assert!(server.wait_at(Step::CodeSet));
    run.wait_for("http://");
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
        .ends(128 + 15, "COMMAND was not run: stopped by signal TERM");
    assert_free(&site);
}

#[test]
fn with_a_conf_that_the_owner_may_change_root_sends_nothing_of_its_own_files() {
    if !as_root("act for another user") {
        return;
    }
    let (folder, seen) = (tempfile::tempdir().unwrap(), listener());
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let dir = folder.path().join("ds");
    let site = Site::builder().storage(&dir).zopes(0).start().unwrap();
    let secret = folder.path().join("shadow");
    fs::write(&secret, "root:top-secret\n").unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    symlink(&secret, site.storage().config().join("link")).unwrap();
    for access in [secret.to_str().unwrap(), "link"] {
        let line = format!("http http://{}/ {access}\nnodirect\n", seen.local_addr().unwrap());
        fs::write(site.storage().config().join("snapshot.conf"), line).unwrap();
        for part in [
            "",
            "A",
            "B",
            "journal",
            "misc",
            "config",
            "config/snapshot.conf",
            "misc/lock",
            "misc/sublock",
        ] {
            chown(dir.join(part), Some(54_321), Some(54_321)).unwrap();
        }
        let ran = Dsnap::new().arg("--storage").arg(&dir).arg("true").run();
        assert_eq!(ran.status.code(), Some(125), "{ran}");
        assert!(!ran.stderr.contains("top-secret"), "{ran}");
    }
    seen.set_nonblocking(true).unwrap();
    assert!(seen.accept().is_err(), "something was sent");
}

fn listener() -> std::net::TcpListener {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap()
}
