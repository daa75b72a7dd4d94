//! The Zopes of a site: each can be stopped, crashed and started alone, on the same port.

use std::io::ErrorKind;
use std::net::TcpStream;

use dsnap_testkit::Site;
use dsnap_testkit::site::{Call, Fault, FaultSpec, ServerName, Step};

use crate::support::{Connection, call, call_at, request, wait_until};

const FIRST: ServerName = ServerName::Zope(0);
const SECOND: ServerName = ServerName::Zope(1);

fn two_zopes() -> Site {
    Site::builder().zopes(2).start().unwrap()
}

/// Tells whether the Zope with this URL accepts connections.
fn is_up(url: &str) -> bool {
    let address = url.trim_start_matches("http://").trim_end_matches("/DSToolkit");
    match TcpStream::connect(address) {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn one_zope_stops_and_restarts_on_its_port_while_the_other_answers() {
    type End = fn(&Site) -> std::io::Result<()>;
    let ends: [End; 2] = [|site| site.stop(SECOND), |site| site.crash(SECOND)];
    for end in ends {
        let site = two_zopes();
        let urls = site.urls();
        let up = || urls.iter().map(|url| is_up(url)).collect::<Vec<_>>();
        assert_eq!(up(), [true, true]);
        end(&site).unwrap();
        end(&site).unwrap();
        assert_eq!(up(), [true, false]);
        call(&site, "enterSnapshot", Some("x"));
        assert_eq!(site.held().as_deref(), Some("user/x"), "the storage is open all the time");
        site.start(SECOND).unwrap();
        site.start(SECOND).unwrap();
        assert_eq!((up(), site.urls()), (vec![true, true], urls.clone()));
        assert!(call_at(&site, 1, "currentSnapshotCode", None).contains("user/x"));
    }
}

#[test]
fn a_zope_that_is_stopped_answers_the_call_in_progress_and_one_that_crashes_does_not() {
    for (crashes, answered) in [(false, true), (true, false)] {
        let site = two_zopes();
        let server = site.server().unwrap();
        let mut idle = Connection::to(&site);
        server.hold_at(Step::Flush);
        let mut calling = Connection::to(&site);
        calling.send(&request("enterSnapshot", Some("x")));
        assert!(server.wait_at(Step::Flush));
        std::thread::scope(|threads| {
            let ending = threads
                .spawn(|| if crashes { site.crash(FIRST) } else { site.stop(FIRST) }.unwrap());
            // The port closes first, so this is during the stop.
            wait_until("the port is closed", || !is_up(&site.urls()[0]));
            if crashes {
                ending.join().unwrap();
            }
            server.go_on();
        });
        let answer = calling.try_answer().map(|(head, _)| head.starts_with("HTTP/1.1 200 OK\n"));
        assert_eq!(answer, answered.then_some(true), "crashes: {crashes}");
        assert!(!idle.is_open(), "crashes: {crashes}");
        // What was asked of the server happens all the same.
        wait_until("the snapshot", || site.held().as_deref() == Some("user/x"));
    }
}

#[test]
fn a_zope_that_never_answers_can_be_stopped() {
    let site = two_zopes();
    site.fault(Some(0), Fault::Silent, None, None);
    let mut calling = Connection::to(&site);
    calling.send(&request("enterSnapshot", Some("x")));
    wait_until("the snapshot", || site.held().is_some());
    site.stop(FIRST).unwrap();
    assert_eq!(calling.try_answer(), None);
}

#[test]
fn a_fault_of_one_zope_outlives_its_restart_and_does_not_affect_the_other() {
    let site = two_zopes();
    site.add_fault_at(SECOND, FaultSpec::parse("502:status").unwrap()).unwrap();
    site.crash(SECOND).unwrap();
    site.start(SECOND).unwrap();
    let status = |zope| call_at(&site, zope, "currentSnapshotCode", None);
    assert!(status(0).starts_with("HTTP/1.1 200 OK\n"));
    assert!(status(1).starts_with("HTTP/1.1 502 Bad Gateway\n"));
    site.fault(Some(0), Fault::Forbidden, Some(Call::Status), None);
    site.no_faults_at(SECOND).unwrap();
    assert!(status(0).starts_with("HTTP/1.1 403 Forbidden\n"));
    assert!(status(1).starts_with("HTTP/1.1 200 OK\n"));
}

#[test]
fn an_unknown_server_is_refused_and_the_servers_of_the_site_are_named() {
    let site = two_zopes();
    assert_eq!(site.server_named("zope2").unwrap(), SECOND);
    for name in ["zope3", "zope0", "zope", "zope01"] {
        let error = site.server_named(name).unwrap_err().to_string();
        let expected = format!("this site has no server `{name}`; its servers: zope1, zope2");
        assert_eq!(error, expected);
    }
    let third = ServerName::Zope(2);
    for refused in [site.stop(third), site.crash(third), site.start(third)] {
        assert!(refused.unwrap_err().to_string().contains("`zope3`"));
    }
}
