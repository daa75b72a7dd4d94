//! A simulated running Zope: `http` enters and leaves, and each answer has its consequence.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use dsnap_engine::system::flock::FileLock;
use dsnap_testkit::Site;
use dsnap_testkit::site::{Call, Fault};
use nix::sys::signal::Signal::SIGTERM;

use crate::support::{
    Dsnap, HTTP, ScriptedServer, assert_free, busy_site, conf, copies, in_parallel, site,
    site_builder, wait_until,
};

#[test]
fn an_ordinary_run_says_four_lines_and_the_copy_contains_what_was_committed() {
    let site = busy_site();
    let (ran, copy) = copies(Dsnap::at(&site), &site, "copy");
    ran.says(0, HTTP).prints("");
    site.ledger().unwrap().verify(&copy).assert_holds();
    assert_free(&site);
}

#[test]
fn the_last_transaction_that_command_is_told_is_the_last_in_a() {
    let site = busy_site();
    let ran = Dsnap::at(&site).sh("echo $SNAPSHOT_TID; cat \"$SNAPSHOT_DIRECTORY/misc/snapshot\"; echo; echo user/$SNAPSHOT_CODE").run();
    let ran = ran.says(0, HTTP);
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(lines[0], site.ledger().unwrap().last_tid_hex());
    assert_eq!(lines[1], lines[2]);
}

#[test]
fn a_is_never_written_while_command_runs() {
    let site = busy_site();
    let running = Dsnap::at(&site).sh("echo begun; read go").open_stdin().start();
    let ledger = site.ledger().unwrap();
    site.server().unwrap().commit(50).unwrap();
    ledger.verify(&site.storage().a()).assert_holds();
    running.end().says(1, HTTP);
    assert_free(&site);
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
fn several_zopes_are_asked_in_turn_and_any_of_them_may_leave() {
    let site = site_builder().zopes(2).start().unwrap();
    site.fault(Some(0), Fault::Unauthorized, None, None);
    let ran = Dsnap::at(&site).arg("true").run();
    ran.mentions("not authorised: URL answered 401")
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
    let site = site_builder().zopes(2).start().unwrap();
    site.fault(Some(0), Fault::WrongStorage, None, None);
    Dsnap::at(&site)
        .arg("true")
        .run()
        .mentions("URL: a snapshot was entered, but misc/snapshot of this storage is absent: the line leads to the server of another storage")
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
fn a_zope_in_debug_mode_is_understood_like_any_other() {
    let site = site_builder().debug_mode(true).start().unwrap();
    let server = site.server().unwrap();
    server.enter("it's").unwrap();
    let ran = Dsnap::at(&site).arg("true").run().mentions("user/it's");
    assert_eq!(ran.status.code(), Some(75), "{ran}");
    assert!(!ran.stderr.contains("Traceback"), "{ran}");
    server.leave("it's").unwrap();
    server.wait_until_free();
    site.fault(None, Fault::Refused, Some(Call::Leave), Some(1));
    let ran = Dsnap::at(&site).arg("true").run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    ran.counts("\nLeft snapshot mode\n", 1);
    let wrong = format!("{}/nothing", site.urls()[0]);
    let line = format!("http {wrong} {}", site.access().display());
    let ran = Dsnap::at(&site).args(["--method", &line, "true"]).run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    ran.mentions("there is no DirectoryStorageToolkit at URL/nothing (NotFound)");
    assert_free(&site);
}

#[test]
fn packing_is_in_use() {
    let site = site();
    let server = site.server().unwrap();
    server.pack().unwrap();
    assert_eq!(Dsnap::at(&site).arg("true").run().mentions("packed").status.code(), Some(75));
    server.end_packing().unwrap();
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
    let tool = FileLock::take(&site.storage().sublock()).unwrap();
    site.start_server().unwrap();
    drop(tool);
    let ran = Dsnap::at(&site).args(["-t", "1h", "true"]).run().mentions("restart");
    assert_eq!(ran.status.code(), Some(125), "not waited for: {ran}");
}

const RESTART: &str = "restart the server while no other process has misc/sublock locked";

/// Starts the server again while a tool holds `misc/sublock`. Its code is `startup` then, and
/// `misc/snapshot` keeps what it says.
fn restart_under_sublock(site: &Site) {
    site.crash_server();
    // Later than the clock of the file system ticks.
    let written = fs::metadata(site.storage().snapshot()).unwrap().modified().unwrap();
    let probe = site.path().parent().unwrap().join("probe");
    wait_until("a later time of the file system", || {
        fs::write(&probe, "").unwrap();
        fs::metadata(&probe).unwrap().modified().unwrap() > written
    });
    site.start_server().unwrap();
}

#[test]
fn a_server_restarted_under_somebody_elses_snapshot_is_not_waited_for() {
    for packing in [false, true] {
        let site = site();
        let server = site.server().unwrap();
        if packing {
            server.pack().unwrap()
        } else {
            server.enter("stranger").unwrap()
        }
        drop(server);
        site.crash_server();
        let tool = FileLock::take(&site.storage().sublock()).unwrap();
        restart_under_sublock(&site);
        drop(tool);
        let ran = Dsnap::at(&site).args(["-t", "1h", "true"]).run();
        assert_eq!(ran.status.code(), Some(125), "{ran}");
        ran.hint(RESTART);
    }
}

#[test]
fn a_server_restarted_while_command_ran_is_not_asked_again_to_leave() {
    let site = site();
    let running = Dsnap::at(&site).sh("echo begun; read go; true").open_stdin().start();
    restart_under_sublock(&site);
    let began = Instant::now();
    let ran = running.end();
    assert!(began.elapsed() < Duration::from_secs(30), "useless tries: {ran}");
    assert_eq!(ran.status.code(), Some(122), "{ran}");
    ran.mentions("DIR is still in snapshot mode (code user/").hint(RESTART);
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
    let running = Dsnap::at(&site).sh("echo begun; read go; exit 7").open_stdin().start();
    site.stop_server().unwrap();
    let ran = running.end().mentions("the server ended while the snapshot was in use");
    assert_eq!(ran.status.code(), Some(7), "{ran}");
    site.start_server().unwrap();
    Dsnap::at(&site).arg("true").run().says(0, HTTP);
}

#[test]
fn a_server_that_was_started_on_a_locked_storage_is_reported_as_stuck() {
    let site = site();
    site.stop_server().unwrap();
    let running = Dsnap::at(&site).sh("echo begun; read go; exit 9").open_stdin().start();
    site.start_server().unwrap();
    site.server().unwrap().commit(9).unwrap();
    let ran = running.end().mentions("a server was started while the snapshot was in use");
    assert_eq!(ran.status.code(), Some(9), "the snapshot itself held: {ran}");
}

#[test]
fn a_run_inside_a_run_asks_no_server() {
    let site = site();
    let inner = format!("{} sh -c 'echo inside'", env!("CARGO_BIN_EXE_dsnap"));
    Dsnap::at(&site).sh(&inner).run().says(0, HTTP).prints("inside\n");
}

#[test]
fn leftover_variables_are_no_snapshot_during_somebody_elses_snapshot() {
    let site = site();
    site.server().unwrap().enter("stranger").unwrap();
    let ran = Dsnap::at(&site)
        .env("SNAPSHOT_VERSION", "2")
        .env("SNAPSHOT_DIRECTORY", site.path())
        .env("SNAPSHOT_CODE", "an-older-one")
        .arg("true")
        .run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    ran.mentions("no process holds misc/sublock in DIR, and no run with that code is alive");
}

/// The password, the pair and the header that a run sends, as servers and proxies repeat them.
const REPEATED_SECRETS: [&str; 5] = [
    "adminpass",
    "admin:adminpass",
    "Authorization: Basic YWRtaW46YWRtaW5wYXNz",
    "%61dmin%70ass",
    "admin&amp;#112;ass",
];

/// Answers of a server that repeats SECRET: status and headers, then the text of a fault.
const REPEATING_ANSWERS: [(&str, &str, &str); 5] = [
    (
        "200 OK\r\nContent-Type: text/xml",
        "Unexpected Zope exception: SECRET",
        "enterSnapshot failed",
    ),
    (
        "200 OK\r\nContent-Type: text/xml",
        "Traceback (most recent call last):\n  File SECRET\nKeyError: SECRET",
        "enterSnapshot failed",
    ),
    (
        "200 OK\r\nContent-Type: text/xml",
        "snapshot already in use by 'user/SECRET'",
        "already in another snapshot",
    ),
    ("200 OK\r\nContent-Type: text/SECRET", "SECRET", "not with XML"),
    ("302 SECRET\r\nLocation: http://SECRET@h/SECRET?SECRET", "SECRET", "redirects to"),
];

#[test]
fn a_server_that_repeats_the_password_or_the_header_does_not_make_dsnap_show_them() {
    let cases = REPEATED_SECRETS.iter().flat_map(|it| REPEATING_ANSWERS.map(|answer| (it, answer)));
    in_parallel(cases, |(secret, (head, said, words))| {
        let head = head.replace("SECRET", secret);
        let said = said.replace("SECRET", secret);
        let server = ScriptedServer::start(move |request, stream| {
            let asks = String::from_utf8_lossy(request).contains("currentSnapshotCode");
            let result = if asks {
                "<params><param><value><nil/></value></param></params>".to_owned()
            } else {
                format!(
                    "<fault><value><struct><member><name>faultString</name><value><string>{said}</string></value></member></struct></value></fault>"
                )
            };
            let body = format!("<methodResponse>{result}</methodResponse>");
            let head = if asks { "200 OK\r\nContent-Type: text/xml" } else { head.as_str() };
            let length = body.len();
            write!(stream, "HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n{body}")
        });
        let site = site();
        conf(&site, &format!("http {} access\nhttp URL access\n", server.url()));
        let ran = Dsnap::at(&site).args(["-vv", "true"]).run().mentions(words);
        assert_eq!(ran.status.code(), Some(0), "{ran}");
        for shown in ["adminpass", "YWRtaW46", "%70ass", "#112;"] {
            assert!(!ran.stderr.contains(shown), "{ran}");
        }
        assert_free(&site);
    });
}
