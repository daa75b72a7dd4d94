//! A server that repeats what was sent to authorise the call: no reason shows it.

use dsnap_core::method::Status;

use crate::support::conf_line::{ConfLine, expect};
use crate::support::replies;
use crate::support::server::{Reply, Server};

/// The secrets of the access file, as a server may repeat them; the pair and the header stand in the
/// requests.
const REPEATED: [&str; 5] = [
    "adminpass",
    "admin:adminpass",
    "Basic YWRtaW46YWRtaW5wYXNz",
    "%61%64%6d%69%6e%70%61%73%73",
    "&#97;&#100;&#109;&#105;&#110;&#112;&#97;&#115;&#115;",
];

/// Enters with this reply to the enter; the questions before and after it are answered with nil. `expect` makes sure that no
/// secret is shown.
fn enter_with(reply: Reply, variant: &str, words: &str) -> String {
    let server = Server::start([replies::nil(), reply, replies::nil()]);
    let reason = expect(ConfLine::new(&server.url()).enter(), variant, &[words]).to_string();
    for escaped in &REPEATED[3..] {
        assert!(!reason.contains(escaped), "{reason}");
    }
    reason
}

#[test]
fn a_fault_that_repeats_a_secret_is_shown_without_it() {
    for secret in REPEATED {
        let said = format!("no permission for {secret} here");
        for reply in [
            replies::fault("exceptions.ValueError", &said),
            replies::debug_fault("ValueError", &said),
            replies::fault_saying(&said),
        ] {
            enter_with(reply, "failed", "enterSnapshot failed at ");
        }
    }
    let shown = enter_with(replies::fault_saying("adminpass is wrong"), "failed", "*** is wrong");
    assert!(shown.contains("look in the server's error log"), "{shown}");
}

#[test]
fn an_exception_that_is_named_like_a_secret_is_shown_without_it() {
    enter_with(replies::fault("a.adminpass", "words"), "failed", "***: words");
    enter_with(replies::fault("AccessControl.Unauthorized", "adminpass"), "refused", "***");
    enter_with(replies::fault("ZEO.ClientDisconnected", "adminpass"), "unknown", "***");
}

#[test]
fn a_snapshot_code_that_contains_a_secret_is_shown_without_it() {
    for secret in REPEATED {
        enter_with(replies::in_use(&format!("user/{secret}")), "busy", "in another snapshot (");
        enter_with(replies::in_use(&format!("recombining/{secret}")), "busy", "recombining");
    }
    let server = Server::start([replies::code("user/adminpass")]);
    assert_eq!(ConfLine::new(&server.url()).status(), Status::Held(b"user/***".to_vec()));
}

#[test]
fn headers_that_repeat_a_secret_are_shown_without_it() {
    for secret in REPEATED {
        for target in [format!("/{secret}/x"), format!("//host/{secret}"), format!("/?p={secret}")]
        {
            enter_with(replies::redirect(&target), "unknown", "redirects to ");
            enter_with(replies::redirect(&format!("{target}/login")), "unknown", "login form");
        }
        for head in [
            format!("200 OK\r\nContent-Type: text/{secret}"),
            format!("500 {secret}\r\nContent-Type: text/xml"),
            format!("401 {secret}\r\nWWW-Authenticate: {secret}"),
            format!("777 {secret}\r\nX-Error: {secret}"),
        ] {
            let variant = match &head[..3] {
                "401" => "refused",
                "500" => "likely failed",
                _ => "unknown",
            };
            let reply = Reply::Bytes(replies::http_response(&head, "", ""));
            enter_with(reply, variant, "answered ");
        }
    }
}

#[test]
fn an_answer_that_is_not_http_is_never_quoted() {
    for secret in REPEATED {
        for garbage in [format!("{secret}\r\n\r\n"), format!("HTTP/1.1 200 OK\r\n{secret}\r\n\r\n")]
        {
            enter_with(Reply::Cut(garbage.into_bytes()), "unknown", "answer");
        }
    }
}

#[test]
fn a_secret_at_the_end_of_a_long_fault_is_masked_before_the_fault_is_cut() {
    let said = format!("{}adminpass", "x".repeat(dsnap_engine::limits::MAX_SHOWN_FAULT_CHARS - 5));
    let reason = enter_with(replies::fault_saying(&said), "failed", "***");
    assert!(!reason.contains("admin"), "{reason}");
}

#[test]
fn a_leave_that_is_refused_with_a_secret_shows_none() {
    let locked = replies::fault("zc.lockfile.LockError", "Couldn't lock adminpass");
    let code = || replies::code("user/host-1001");
    let server = Server::start([code(), locked, code()]);
    expect(ConfLine::new(&server.url()).leave(), "busy", &["Couldn't lock ***"]);
}

#[test]
fn a_certificate_for_a_secret_name_is_shown_without_it() {
    use crate::support::certificates::{Authority, certificate_for};
    let authority = Authority::new();
    let tls = authority.server_config(&certificate_for("adminpass.example"));
    let server = Server::start_tls(tls, [replies::nil()]);
    let line =
        ConfLine::new(&format!("https://localhost:{}/", server.port())).with_word("ca=ca.pem");
    let line = line.with_file("ca.pem", authority.pem());
    expect(line.enter(), "refused", &["but for ***.example"]);
}
