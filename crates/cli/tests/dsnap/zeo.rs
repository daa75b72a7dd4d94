//! Sites of several Zopes and one ZEO server: runs that ask the ZEO server itself, and runs while one of the
//! servers is down.

use std::fs;
use std::net::TcpStream;
use std::sync::Arc;

use dsnap_testkit::Site;
use dsnap_testkit::control::Control;
use dsnap_testkit::site::{Fault, ServerName, ZeoAccount, ZeoConfig, ZeoVersion};

use crate::support::{
    Dsnap, HTTP, Ran, assert_free, conf, copies, entered_by, in_parallel, is_locked,
    script_that_ends_by, site_builder, wait_until, zeo_site,
};

const ZOPE_1: ServerName = ServerName::Zope(0);
const ZOPE_2: ServerName = ServerName::Zope(1);

/// Returns the messages of an ordinary run that entered by the ZEO server.
fn by_zeo() -> String {
    entered_by("zeo ZEO")
}

/// Starts a site of two Zopes and one ZEO server.
fn two_zopes() -> Site {
    site_builder().zopes(2).zeo(ZeoConfig::default()).start().unwrap()
}

/// A run that says `begun` and waits for its input to close.
fn waiting_run(site: &Site) -> Dsnap {
    Dsnap::at(site).sh("echo begun; read go; exit 7").open_stdin()
}

#[test]
fn a_copy_made_with_any_generation_of_zeo_servers_contains_what_was_committed() {
    let cases = [
        (ZeoVersion::Z303, false, false),
        (ZeoVersion::Z308, true, false),
        (ZeoVersion::Z309, false, true),
        (ZeoVersion::Z3101, false, false),
        (ZeoVersion::Z4, true, true),
    ];
    in_parallel(cases, |(version, unix, password)| {
        let authentication = password.then(ZeoAccount::default);
        let builder = site_builder().zeo(ZeoConfig { version, unix, authentication });
        let site = builder.commits_per_second(200).start().unwrap();
        site.server().unwrap().commit(20).unwrap();
        let (ran, copy) = copies(Dsnap::at(&site), &site, "copy");
        ran.says(0, &by_zeo()).prints("");
        site.ledger().unwrap().verify(&copy).assert_holds();
        assert_free(&site);
    });
}

#[test]
fn the_zeo_server_is_asked_while_no_zope_runs() {
    let site = two_zopes();
    conf(&site, "http URL access\nhttp URL2 access\nzeo ZEO\nnodirect\n");
    site.stop(ZOPE_1).unwrap();
    site.crash(ZOPE_2).unwrap();
    let ran = Dsnap::at(&site).args(["-v", "true"]).run().without_phases();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    ran.counts("cannot be reached", 2).mentions(&by_zeo());
    assert_free(&site);
}

#[test]
fn one_zope_that_answers_is_enough_to_enter_and_to_leave() {
    let site = two_zopes();
    conf(&site, "http URL access\nhttp URL2 access\nnodirect\n");
    site.stop(ZOPE_1).unwrap();
    Dsnap::at(&site).arg("true").run().mentions(&entered_by("URL2"));
    assert_free(&site);
    site.start(ZOPE_1).unwrap();
    let running = waiting_run(&site).start();
    site.crash(ZOPE_1).unwrap();
    running.end().says(7, HTTP);
    assert_free(&site);
}

#[test]
fn a_snapshot_entered_by_a_zope_is_left_by_the_zeo_server_if_no_zope_runs() {
    let site = two_zopes();
    conf(&site, "http URL access\nzeo ZEO\nnodirect\n");
    let running = waiting_run(&site).start();
    site.stop(ZOPE_1).unwrap();
    site.stop(ZOPE_2).unwrap();
    running.end().says(7, HTTP);
    assert_free(&site);
}

#[test]
fn dsnap_works_on_the_files_while_the_zeo_server_is_down_and_asks_it_afterwards() {
    let site = two_zopes();
    for crashes in [false, true] {
        if crashes { site.crash(ServerName::Zeo) } else { site.stop(ServerName::Zeo) }.unwrap();
        let ran = Dsnap::at(&site).arg("true").run();
        ran.mentions("Entered snapshot using direct access").counts("Left snapshot mode", 0);
        site.start(ServerName::Zeo).unwrap();
        Dsnap::at(&site).arg("true").run().says(0, &by_zeo());
        assert_free(&site);
    }
}

#[test]
fn no_leave_is_sent_for_a_snapshot_entered_by_someone_else() {
    let site = zeo_site();
    conf(&site, "zeo ZEO\nnodirect\n");
    site.server().unwrap().enter("stranger").unwrap();
    let ran = Dsnap::at(&site).args(["--recover", "--code", "lost"]).run();
    assert_eq!(site.held().as_deref(), Some("user/stranger"), "{ran}");
    // A server takes this lock before it compares the codes, and keeps it if they differ.
    assert!(!is_locked(&site.storage().sublock()), "a leave was sent: {ran}");
}

#[test]
fn a_server_restarted_while_command_holds_the_snapshot_is_not_asked_to_leave() {
    let site = zeo_site();
    conf(&site, "zeo ZEO\nnodirect\n");
    let running = Dsnap::at(&site).sh("echo begun; read go; true").open_stdin().start();
    site.crash(ServerName::Zeo).unwrap();
    wait_for_a_later_file_time(&site);
    site.start(ServerName::Zeo).unwrap();
    let ran = running.end();
    assert_eq!(ran.status.code(), Some(122), "{ran}");
    ran.hint("restart the server while no other process has misc/sublock locked");
    assert!(!is_locked(&site.storage().sublock()), "a leave was sent");
    // Following the hint ends it.
    site.stop(ServerName::Zeo).unwrap();
    site.start(ServerName::Zeo).unwrap();
    Dsnap::at(&site).arg("true").run().mentions(&by_zeo());
    assert_free(&site);
}

/// Waits until a new file would be younger than `misc/snapshot`.
fn wait_for_a_later_file_time(site: &Site) {
    let time = |path: &std::path::Path| fs::metadata(path).unwrap().modified().unwrap();
    let (written, probe) = (time(&site.storage().snapshot()), site.path().with_extension("probe"));
    wait_until("a later time of the file system", || {
        fs::write(&probe, "").unwrap();
        time(&probe) > written
    });
}

/// Counts the open connections of clients to a port of this machine.
fn connections_to(port: u16) -> usize {
    let established = format!(":{port:04X} 01");
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let rest = |line: &str| line.split_whitespace().skip(2).take(2).collect::<Vec<_>>().join(" ");
    table.lines().filter(|line| rest(line).ends_with(&established)).count()
}

#[test]
fn no_connection_is_open_while_command_runs() {
    let site = zeo_site();
    let address = site.zeo_address().unwrap();
    let port = address.rsplit(':').next().unwrap().parse().unwrap();
    let running = waiting_run(&site).start();
    // A server keeps every commit in memory for a client that does not read.
    assert_eq!(connections_to(port), 0);
    let client = TcpStream::connect(&address).unwrap();
    assert_eq!(connections_to(port), 1, "an open connection is noticed");
    drop(client);
    running.end().says(7, &by_zeo());
}

#[test]
fn a_password_that_is_missing_or_wrong_is_refused_with_what_to_write() {
    let authentication = Some(ZeoAccount::default());
    let zeo = ZeoConfig { authentication, ..ZeoConfig::default() };
    let site = site_builder().zeo(zeo).start().unwrap();
    fs::write(site.storage().config().join("wrong"), "admin:wrong\n").unwrap();
    let said = |words: &str| {
        let line = format!("zeo {} {words}", site.zeo_address().unwrap());
        let ran = Dsnap::at(&site).args(["-t", "1h", "--method", line.trim_end(), "true"]).run();
        assert_eq!(ran.status.code(), Some(125), "not waited for: {ran}");
        ran
    };
    said("").mentions("not authorised").hint(
        "write user:password into a file that only you can read, and its name on the line: zeo ADDRESS STORAGE ACCESS",
    );
    said("1 wrong").mentions("not authorised").mentions("DIR/config/wrong");
    assert_free(&site);
}

/// Runs with one line, which fails without a wait.
fn refused(site: &Site, line: &str) -> Ran {
    conf(site, &format!("{line}\nnodirect\n"));
    let ran = Dsnap::at(site).args(["-t", "1h", "true"]).run();
    assert_eq!(ran.status.code(), Some(125), "not waited for: {ran}");
    ran
}

#[test]
fn following_the_hint_about_an_unpatched_zeo_server_makes_http_and_zeo_work() {
    let site = zeo_site();
    site.zeo_fault(Fault::Unpatched, None, None);
    refused(&site, "zeo ZEO").mentions("the storage 1 of the server at ZEO has no snapshots");
    refused(&site, "http URL access").hint("if this Zope uses ZEO: patch ZEO as DirectoryStorage's doc/INSTALL.txt says, and restart both; else look in the server's error log");
    // The hint is followed.
    site.no_faults();
    for server in [ServerName::Zeo, ZOPE_1] {
        site.stop(server).unwrap();
        site.start(server).unwrap();
    }
    Dsnap::at(&site).arg("true").run().says(0, HTTP);
    conf(&site, "zeo ZEO\nnodirect\n");
    Dsnap::at(&site).arg("true").run().says(0, &by_zeo());
    assert_free(&site);
}

#[test]
fn a_script_enters_as_the_hint_says_if_the_zeo_server_is_too_new() {
    for version in [ZeoVersion::Z5, ZeoVersion::M5] {
        let zeo = ZeoConfig { version, ..ZeoConfig::default() };
        let site = Arc::new(site_builder().zeo(zeo).start().unwrap());
        let _control = Control::listen(&site).unwrap();
        let hint = "let a Zope enter the snapshot (`http`), or a script (`exec`)";
        refused(&site, "zeo ZEO").mentions("is ZEO 5 or later").hint(hint);
        let line = script_that_ends_by("stop", &site);
        conf(&site, &format!("zeo ZEO\n{line}\nnodirect\n"));
        Dsnap::at(&site).arg("true").run().mentions("Entered snapshot using exec");
        assert_free(&site);
    }
}
