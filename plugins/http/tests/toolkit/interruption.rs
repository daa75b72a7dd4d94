//! Missing and incomplete answers, redirects, and callers that ask to stop.

use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;

use dsnap_core::method::{Entered, Left};

use crate::support::conf_line::{ConfLine, StopsWhen, expect};
use crate::support::replies;
use crate::support::server::{Reply, Server};

const SHORT_LIMIT: Duration = Duration::from_millis(300);

#[test]
fn a_connection_that_ends_during_the_answer_means_unknown() {
    let bytes = replies::xml_response(&replies::document("<nil/>"));
    for length in [0, 10, bytes.len() / 2, bytes.len() - 1] {
        let server = Server::start([replies::nil(), Reply::Cut(bytes[..length].to_vec())]);
        let url = server.url();
        expect(ConfLine::new(&url).enter(), "unknown", &["no complete answer", &url]);
    }
}

#[test]
fn a_reset_before_the_request_was_read_means_unknown() {
    let server = Server::start([replies::nil(), Reply::Reset]);
    expect(ConfLine::new(&server.url()).enter(), "unknown", &["no complete answer"]);
}

#[test]
fn an_answer_that_is_not_http_means_unknown() {
    let server = Server::start([replies::nil(), Reply::Cut(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())]);
    expect(ConfLine::new(&server.url()).enter(), "unknown", &["speaks HTTP"]);
}

#[test]
fn an_enter_without_an_answer_in_time_means_unknown() {
    let server = Server::start([replies::nil(), Reply::Silence]);
    let line = ConfLine::new(&server.url()).with_limit(SHORT_LIMIT);
    expect(line.enter(), "unknown", &["no answer from", "within 0.3 seconds", "timeout="]);
    assert_eq!(server.calls()[1..], ["enterSnapshot(host-1001)"]);
}

#[test]
fn the_limit_covers_all_calls_of_an_enter() {
    let fault = replies::fault(replies::DIRECTORY_STORAGE_ERROR, "something");
    let server = Server::start([replies::nil(), fault, Reply::Silence]);
    let line = ConfLine::new(&server.url()).with_limit(SHORT_LIMIT);
    expect(line.enter(), "unknown", &["the snapshot may or may not have been entered"]);
}

#[test]
fn an_answer_that_has_begun_does_not_extend_the_limit() {
    let head =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 100\r\n\r\n<".to_vec();
    let server = Server::start([replies::nil(), Reply::Bytes(head)]);
    expect(
        ConfLine::new(&server.url()).with_limit(SHORT_LIMIT).enter(),
        "unknown",
        &["within 0.3 seconds"],
    );
}

#[test]
fn a_silent_server_means_unavailable_for_leave_and_status() {
    let server = Server::start([Reply::Silence, Reply::Silence]);
    let line = ConfLine::new(&server.url()).with_limit(SHORT_LIMIT);
    expect(line.leave(), "unavailable", &["within 0.3 seconds"]);
    expect(line.status(), "unavailable", &["within 0.3 seconds"]);
}

#[test]
fn a_leave_without_an_answer_in_time_means_failed() {
    let server = Server::start([replies::code("user/host-1001"), Reply::Silence]);
    let line = ConfLine::new(&server.url()).with_limit(SHORT_LIMIT);
    expect(line.leave(), "failed", &["no answer from"]);
}

#[test]
fn a_limit_of_zero_sends_nothing() {
    let server = Server::start([replies::nil()]);
    let line = ConfLine::new(&server.url()).with_limit(Duration::ZERO);
    expect(line.enter(), "unavailable", &["no connection to"]);
    assert!(server.calls().is_empty());
}

#[test]
fn a_stop_before_the_enter_sends_nothing() {
    let server = Server::start([replies::nil()]);
    let line = ConfLine::new(&server.url());
    let stopping = StopsWhen(|| true);
    expect(line.enter_for(&stopping), "unavailable", &["stopped before anything was sent"]);
    assert!(server.calls().is_empty());
}

/// Makes an `https://` line for a server without TLS: it accepts the connection and waits, and the
/// handshake never ends.
fn without_tls(server: &Server) -> ConfLine {
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let line =
        ConfLine::new(&format!("https://{}", server.at("/DSToolkit"))).with_word("ca=ca.pem");
    line.with_file("ca.pem", certificate.cert.pem())
}

#[test]
fn a_handshake_that_does_not_end_in_time_means_unavailable() {
    let server = Server::start([Reply::Silence]);
    expect(
        without_tls(&server).with_limit(SHORT_LIMIT).enter(),
        "unavailable",
        &["no connection to"],
    );
}

#[test]
fn connecting_has_its_own_limit() {
    let server = Server::start([Reply::Silence]);
    expect(without_tls(&server).enter(), "unavailable", &["no connection to", "within 10 seconds"]);
}

#[test]
fn a_stop_while_connecting_takes_effect_at_once() {
    let server = Server::start([Reply::Silence]);
    let connected = server.connected();
    let line = without_tls(&server);
    let stopping = StopsWhen(|| connected.load(Ordering::SeqCst));
    expect(line.enter_for(&stopping), "unavailable", &["stopped before anything was sent"]);
}

#[test]
fn after_a_stop_the_answer_to_a_sent_enter_is_still_awaited() {
    let (sender, receiver) = mpsc::channel();
    let bytes = replies::xml_response(&replies::document("<nil/>"));
    let server = Server::start([replies::nil(), Reply::WhenTold(receiver, bytes)]);
    let received = server.received();
    let stopping = StopsWhen(|| {
        let stop = received.lock().unwrap().len() > 1;
        if stop {
            let _ = sender.send(());
        }
        stop
    });
    assert_eq!(ConfLine::new(&server.url()).enter_for(&stopping), Entered::Held);
}

#[test]
fn a_stop_during_the_question_takes_effect_at_once_and_nothing_is_entered() {
    let server = Server::start([Reply::Silence]);
    let received = server.received();
    let stopping = StopsWhen(|| !received.lock().unwrap().is_empty());
    let entered = ConfLine::new(&server.url()).enter_for(&stopping);
    expect(entered, "unavailable", &["stopped before", "answered"]);
    assert_eq!(server.calls(), ["currentSnapshotCode()"]);
}

#[test]
fn a_leave_that_has_begun_continues_after_a_stop() {
    let server = Server::start([replies::code("user/host-1001"), replies::nil()]);
    let received = server.received();
    let stopping = StopsWhen(|| !received.lock().unwrap().is_empty());
    assert_eq!(ConfLine::new(&server.url()).leave_for(&stopping), Left::Left);
}

#[test]
fn a_redirect_means_unknown_and_is_never_followed() {
    let other_server = Server::start([replies::nil()]);
    for status in ["301", "302", "303", "307", "308"] {
        let headers = format!("Location: http://{}?secret=1\r\n", other_server.at("/DSToolkit"));
        let reply = Reply::Bytes(replies::http_response(&format!("{status} Moved"), &headers, ""));
        let server = Server::start([replies::nil(), reply]);
        let parts =
            ["redirects are not followed", status, &other_server.url(), "the toolkit itself"];
        let reason = expect(ConfLine::new(&server.url()).enter(), "unknown", &parts);
        assert!(!reason.to_string().contains("secret"), "{reason}");
        assert_eq!(server.calls().len(), 2);
    }
    assert!(other_server.calls().is_empty());
}

#[test]
fn a_redirect_to_a_login_form_is_reported_as_not_authorised() {
    for form in [
        "/acl_users/credentials_cookie_auth/require_login?came_from=http%3A//x",
        "http://other.example/login_form",
        "https://sso.example/Login",
    ] {
        let server = Server::start([replies::nil(), replies::redirect(form)]);
        let parts = ["not authorised", "redirects to a login form", "/access"];
        expect(ConfLine::new(&server.url()).enter(), "unknown", &parts);
    }
}

#[test]
fn the_target_of_a_redirect_is_shown_without_its_password() {
    let server = Server::start([replies::nil(), replies::redirect("http://admin:secret@host/x")]);
    let reason = expect(ConfLine::new(&server.url()).enter(), "unknown", &["http://host/x"]);
    assert!(!reason.to_string().contains("secret"), "{reason}");
    let nowhere = Reply::Bytes(replies::http_response("302 Found", "", ""));
    let server = Server::start([replies::nil(), nowhere]);
    expect(ConfLine::new(&server.url()).enter(), "unknown", &["redirects to no address"]);
}

#[test]
fn a_fault_is_shown_short_and_without_control_characters() {
    let words = format!("\u{202e}\u{85}red {}", "long ".repeat(500));
    let server = Server::start([
        replies::nil(),
        replies::fault(replies::DIRECTORY_STORAGE_ERROR, &words),
        replies::nil(),
    ]);
    let reason = expect(ConfLine::new(&server.url()).enter(), "failed", &["red long"]);
    assert!(!reason.text().chars().any(|letter| letter.is_control() || letter == '\u{202e}'));
    assert!(reason.text().chars().count() < 500, "{reason}");
}
