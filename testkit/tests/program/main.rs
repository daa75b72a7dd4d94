//! The program `dsnap-testkit`, as a user without Rust runs it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "scenarios start the program")]

mod places;
mod run;
mod support;
mod verify;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::Command;

use dsnap_testkit::tree::Tree;
use support::{Running, ctl, testkit};

#[test]
fn make_refuses_a_directory_that_is_not_empty() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ds");
    let dir = dir.to_str().unwrap();
    let made = testkit(&["make", dir, "--state", "in-snapshot", "--format", "flat"]);
    let said = String::from_utf8(made.stdout).unwrap();
    assert_eq!(said, format!("{dir}: 24 transactions committed, 8 of them in A/\n"));
    assert!(folder.path().join("ds/A/x.serial").exists());
    let before = Tree::of(folder.path()).unwrap();
    let again = testkit(&["make", dir]);
    assert_eq!(again.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(again.stderr).unwrap(),
        format!(
            "dsnap-testkit: {dir} is not empty, and was not made by dsnap-testkit: nothing was changed\n"
        )
    );
    assert_eq!(before.difference(&Tree::of(folder.path()).unwrap()), None);
}

#[test]
fn make_lists_the_states_if_the_given_one_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = testkit(&["make", folder.path().to_str().unwrap(), "--state", "broken"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("shutdown-with-journal"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_demo_fails_if_the_program_makes_no_copies() {
    let shown = testkit(&["demo", "--dsnap", "true"]);
    let said = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown.status.code(), Some(1), "{said}");
    // Two copies, the run that was to be killed, and the copy of the other Zope.
    assert_eq!(said.matches("\nWRONG: the copy does not hold").count(), 3, "{said}");
    assert!(said.contains("WRONG: dsnap was not killed in a snapshot"), "{said}");
    assert!(!said.contains("RIGHT: "), "{said}");
    let absent = testkit(&["demo", "--dsnap", "/no/such/program"]);
    assert_eq!(absent.status.code(), Some(2));
}

#[test]
fn a_site_answers_like_the_zope_that_the_options_name() {
    let cases: [(&[&str], &str); 3] = [
        (&[], "HTTP/1.1 200 OK\r\nServer: Zope/(2.13.30"),
        (&["--answers", "zope5"], "HTTP/1.1 404 Not Found\r\n"),
        (&["--answers", "zope5", "--xmlrpc", "off"], "HTTP/1.1 400 Bad Request\r\n"),
    ];
    for (options, begin) in cases {
        let folder = tempfile::tempdir().unwrap();
        let (_site, line) = Running::on(&folder.path().join("ds"), options);
        let call = "<methodCall><methodName>nothing</methodName><params></params></methodCall>";
        let answer = post(line["urls"][0].as_str().unwrap(), call);
        assert!(answer.starts_with(begin), "{options:?}: {answer}");
    }
}

#[test]
fn xmlrpc_can_be_switched_off_only_for_a_zope_that_has_the_switch() {
    let refused = testkit(&["run", "--xmlrpc", "off", "--", "true"]);
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(refused.stderr).unwrap(),
        "dsnap-testkit: Zope 2 cannot switch XML-RPC off: --xmlrpc off needs --answers zope5\n"
    );
}

/// Sends a call without credentials, and returns the whole answer.
fn post(url: &str, call: &str) -> String {
    let host = url.trim_start_matches("http://").trim_end_matches("/DSToolkit");
    let mut zope = TcpStream::connect(host).unwrap();
    let length = call.len();
    let head = format!("POST /DSToolkit HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/xml\r\n");
    write!(zope, "{head}Connection: close\r\nContent-Length: {length}\r\n\r\n{call}").unwrap();
    let mut answer = String::new();
    zope.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_site_prints_a_ready_line_executes_orders_and_stops_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, ready) = (folder.path().join("ds"), folder.path().join("ready"));
    let more =
        ["--zopes", "2", "--commits-per-second", "0", "--ready-file", ready.to_str().unwrap()];
    let (site, line) = Running::on(&dir, &more);
    assert_eq!(line["urls"].as_array().unwrap().len(), 2);
    assert_eq!(fs::read_to_string(&ready).unwrap(), format!("{line}\n"));
    assert_eq!(fs::read_to_string(line["access"].as_str().unwrap()).unwrap(), "admin:adminpass\n");
    let ctl = |words: &[&str]| ctl(&dir, words);
    let good = |said: &str| (Some(0), said.to_owned());
    assert_eq!(ctl(&["commit", "5"]), good(""));
    assert_eq!(ctl(&["enter", "x"]), good(""));
    assert_eq!(ctl(&["status"]), good("user/x\n"));
    assert_eq!(fs::read_to_string(dir.join("misc/snapshot")).unwrap(), "user/x");
    let copy = folder.path().join("copy");
    assert!(Command::new("cp").arg("-a").arg(dir.join("A")).arg(&copy).status().unwrap().success());
    let verified = testkit(&["verify", copy.to_str().unwrap(), "--site", dir.to_str().unwrap()]);
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
    fs::remove_file(copy.join("x/serial")).unwrap();
    let verified = testkit(&["verify", copy.to_str().unwrap(), "--site", dir.to_str().unwrap()]);
    assert_eq!(verified.status.code(), Some(1));
    assert!(String::from_utf8(verified.stdout).unwrap().ends_with("x/serial is missing\n"));
    assert_eq!(ctl(&["leave", "y"]).0, Some(1));
    assert_eq!(ctl(&["leave", "x"]), good(""));
    assert!(ctl(&["fault"]).1.contains("reset-after"));
    assert_eq!(ctl(&["fault", "502:enter:1"]), good(""));
    assert_eq!(ctl(&["fault", "none"]), good(""));
    assert_eq!(ctl(&["crash"]), good(""));
    assert_eq!(
        ctl(&["enter"]),
        (Some(69), "dsnap-testkit: no server has the storage open\n".to_owned())
    );
    assert_eq!(ctl(&["start"]), good(""));
    assert!(ctl(&["dance"]).1.contains("unknown order `dance`; the orders are: enter"));
    for order in ["stop zope2", "start zope2", "crash zope1", "fault zope1 502:leave silent"] {
        assert_eq!(ctl(&order.split(' ').collect::<Vec<_>>()), good(""), "{order}");
    }
    for order in ["stop zope3", "crash zope3", "start zope3", "fault zope3 502"] {
        let said = "dsnap-testkit: this site has no server `zope3`; its servers: zope1, zope2\n";
        assert_eq!(ctl(&order.split(' ').collect::<Vec<_>>()), (Some(1), said.to_owned()));
    }
    assert_eq!(site.stop(), Some(0));
    assert_eq!(fs::read_to_string(dir.join("misc/snapshot")).unwrap(), "shutdown");
    assert_eq!(ctl(&["status"]).0, Some(69), "no site runs any more");
}

#[test]
fn a_site_can_end_with_its_stdin() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ds");
    let ended = testkit(&["site", "--storage", dir.to_str().unwrap(), "--end-with-stdin"]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(ended.stdout.starts_with(b"{\"access\":"), "{ended:?}");
    assert_eq!(fs::read_to_string(dir.join("misc/snapshot")).unwrap(), "shutdown");
}

#[test]
fn a_site_with_a_zeo_server_prints_its_address_and_stops_each_server_alone() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ds");
    let (site, line) = Running::on(&dir, &["--zeo=Z4", "--zeo-password", "--zopes", "2"]);
    let (zeo, urls) = (line["zeo"].as_str().unwrap(), line["urls"].as_array().unwrap());
    let conf = fs::read_to_string(dir.join("config/snapshot.conf")).unwrap();
    let http = urls.iter().map(|url| format!("http {} access\n", url.as_str().unwrap()));
    let expected = format!("zeo {zeo} 1 zeo-access realm=ds-realm\n{}", http.collect::<String>());
    assert_eq!(conf, expected, "the ZEO server first, which can be asked while no Zope runs");
    let account = fs::read_to_string(dir.join("config/zeo-access")).unwrap();
    assert_eq!(account, "admin:adminpass\n");
    let ctl = |order: &str| ctl(&dir, &order.split(' ').collect::<Vec<_>>());
    let good = (Some(0), String::new());
    assert!(TcpStream::connect(zeo).is_ok());
    for (order, is_up) in
        [("stop zeo", false), ("start zeo", true), ("crash zeo", false), ("start", true)]
    {
        assert_eq!(ctl(order), good, "{order}");
        assert_eq!(TcpStream::connect(zeo).is_ok(), is_up, "{order}");
    }
    for order in ["stop zope2", "crash zope1", "start zope2", "fault zeo silent:enter flood"] {
        assert_eq!(ctl(order), good, "{order}");
    }
    for order in ["fault zeo 502", "fault zope1 flood"] {
        assert!(ctl(order).1.contains(" cannot have this fault"), "{order}");
    }
    let said = "dsnap-testkit: this site has no server `zope3`; its servers: zope1, zope2, zeo\n";
    assert_eq!(ctl("stop zope3"), (Some(1), said.to_owned()));
    assert_eq!(ctl("status"), (Some(0), "in no snapshot\n".to_owned()));
    assert_eq!(site.stop(), Some(0));
    assert_eq!(fs::read_to_string(dir.join("misc/snapshot")).unwrap(), "shutdown");
}

#[test]
fn a_zeo_server_can_listen_on_a_socket_and_a_site_without_one_has_no_address() {
    let folder = tempfile::tempdir().unwrap();
    let (_site, line) = Running::on(&folder.path().join("a"), &["--zeo", "--zeo-socket"]);
    assert!(UnixStream::connect(line["zeo"].as_str().unwrap()).is_ok(), "{line}");
    let (_site, line) = Running::on(&folder.path().join("b"), &[]);
    assert!(line["zeo"].is_null(), "{line}");
    let refused = testkit(&["run", "--zeo-password", "--", "true"]);
    assert_eq!(refused.status.code(), Some(2), "without --zeo: {refused:?}");
}
