//! Servers that cannot be reached, or that turn out to be something else.

use std::net::TcpListener;
use std::time::Duration;

use crate::support::conf_line::{ConfLine, StopsWhen, expect};
use crate::support::pickles::{exception, frame};
use crate::support::server::{Action, CONNECT, Script, Server};

#[test]
fn an_address_without_a_server_is_unavailable() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let hint = "check that the ZEO server is running";
    expect(ConfLine::new(&port).enter(), "unavailable", &[&port, "cannot be reached", hint]);
    expect(
        ConfLine::new("./zeo.sock").leave(),
        "unavailable",
        &["./zeo.sock cannot be reached", hint],
    );
    expect(
        ConfLine::new("no-such-host.invalid:1").status(),
        "unavailable",
        &["no-such-host.invalid"],
    );
}

#[test]
fn the_name_of_a_host_is_looked_up() {
    let server = Server::start(Script::new());
    let port = server.address.rsplit_once(':').unwrap().1;
    let entered = ConfLine::new(&format!("localhost:{port}")).enter();
    assert_eq!(entered, dsnap_core::method::Entered::Held);
}

#[test]
fn a_stop_while_connecting_takes_effect_at_once() {
    let entered = ConfLine::new("127.0.0.1:1").enter_for(&StopsWhen(|| true));
    expect(entered, "unavailable", &["stopped before anything was sent"]);
}

#[test]
fn zeo_5_and_later_are_told_from_the_announcement_and_get_no_call() {
    for version in ["Z5", "M5"] {
        let server = Server::start(Script::of_version(version.as_bytes()));
        let entered = ConfLine::new(&server.address).enter();
        expect(entered, "refused", &["is ZEO 5 or later", version, "`http`", "`exec`"]);
        assert_eq!(server.all_calls(), "connect");
    }
}

#[test]
fn a_version_that_is_not_known_gets_no_call() {
    let server = Server::start(Script::of_version(b"Z3102"));
    expect(ConfLine::new(&server.address).enter(), "refused", &["announces Z3102"]);
    assert_eq!(server.all_calls(), "connect");
}

#[test]
fn another_program_at_the_address_is_told_from_its_first_words() {
    for words in [
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        b"\x15\x03\x03\0\x02\x02\x28".to_vec(),
        b"\xff\xff\xff\xff\xff\xff".to_vec(),
        frame(b"hello"),
        frame(b""),
    ] {
        let server = Server::start(Script::new().on(CONNECT, Action::Raw(words)));
        expect(ConfLine::new(&server.address).enter(), "failed", &["section <zeo> of zeo.conf"]);
    }
}

#[test]
fn a_server_that_announces_nothing_may_want_tls() {
    let server = Server::start(Script::new().on(CONNECT, Action::Silence));
    let line = ConfLine::new(&server.address).with_limit(Duration::from_millis(300));
    expect(line.enter(), "unavailable", &["no answer from", "(announcement)", "waits for TLS"]);
}

#[test]
fn a_storage_that_the_server_does_not_have_needs_a_person() {
    let unknown = exception("exceptions.ValueError", "unknown storage: main");
    let server = Server::start(Script::new().reply("register", unknown));
    let entered = ConfLine::new(&server.address).with_word("main").enter();
    expect(
        entered,
        "refused",
        &["the storage main: ValueError: unknown storage", "section in zeo.conf"],
    );
    let closed =
        exception("ZEO.Exceptions.AuthError", "Client was never authenticated with server!");
    let server = Server::start(Script::new().reply("register", closed));
    expect(ConfLine::new(&server.address).enter(), "refused", &["AuthError", "ACCESS"]);
}

#[test]
fn a_storage_without_snapshots_gets_no_snapshot_call() {
    for methods in [&b"}"[..], b"}(U\x0eenter_snapshotNU\x11get_snapshot_codeNu"] {
        let server = Server::start(Script::new().reply("getExtensionMethods", methods));
        expect(ConfLine::new(&server.address).enter(), "refused", &["has no snapshots"]);
        assert_eq!(server.calls(), "connect");
    }
}

#[test]
fn only_the_oldest_server_may_lack_the_patch() {
    for (version, hint) in
        [("Z200", "patch ZEO as"), ("Z201", "this one is not a DirectoryStorage")]
    {
        let server = Script::of_version(version.as_bytes()).reply("getExtensionMethods", &b"}"[..]);
        let server = Server::start(server);
        expect(ConfLine::new(&server.address).enter(), "refused", &["has no snapshots", hint]);
    }
}
