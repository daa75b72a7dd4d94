//! Answers that do not come, or not all of them; redirects; and a caller who wants to stop.

use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;

use dsnap_core::method::{Entered, Left};

use crate::support::replies;
use crate::support::server::{Reply, Server};
use crate::support::stage::{Asking, Site, expect};

const MOMENT: Duration = Duration::from_millis(300);

#[test]
fn a_connection_that_breaks_after_the_request_is_unknown() {
    let bytes = replies::xml(&replies::response("<nil/>"));
    for length in [0, 10, bytes.len() / 2, bytes.len() - 1] {
        let server = Server::playing([Reply::Half(bytes[..length].to_vec())]);
        let url = server.url();
        expect(Site::new(&url).enter(), "unknown", &["no complete answer", &url]);
    }
}

#[test]
fn a_reset_before_the_request_was_read_is_unknown_too() {
    let server = Server::playing([Reply::Reset]);
    expect(Site::new(&server.url()).enter(), "unknown", &["no complete answer"]);
}

#[test]
fn an_answer_that_is_not_http_is_unknown() {
    let server = Server::playing([Reply::Half(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())]);
    expect(Site::new(&server.url()).enter(), "unknown", &["speak HTTP"]);
}

#[test]
fn a_server_that_is_silent_until_time_is_up_leaves_an_enter_unknown() {
    let server = Server::playing([Reply::Silence]);
    let site = Site::new(&server.url()).time(MOMENT);
    expect(site.enter(), "unknown", &["no answer from", "within 300ms", "timeout="]);
    assert_eq!(server.calls(), ["enterSnapshot(host-1001)"]);
}

#[test]
fn the_time_is_for_all_questions_together() {
    let fault = replies::fault(replies::ERROR, "something");
    let server = Server::playing([fault, Reply::Silence]);
    let site = Site::new(&server.url()).time(MOMENT);
    expect(site.enter(), "unknown", &["whether it had its effect is not known"]);
}

#[test]
fn an_answer_that_trickles_has_no_more_time() {
    let head =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 100\r\n\r\n<".to_vec();
    let server = Server::playing([Reply::Bytes(head)]);
    expect(Site::new(&server.url()).time(MOMENT).enter(), "unknown", &["within 300ms"]);
}

#[test]
fn a_server_that_is_silent_is_unavailable_to_leave_and_status() {
    let server = Server::playing([Reply::Silence, Reply::Silence]);
    let site = Site::new(&server.url()).time(MOMENT);
    expect(site.leave(), "unavailable", &["within 300ms"]);
    expect(site.status(), "unavailable", &["within 300ms"]);
}

#[test]
fn a_leave_that_is_not_answered_in_time_is_failed() {
    let server = Server::playing([replies::code("user/host-1001"), Reply::Silence]);
    let site = Site::new(&server.url()).time(MOMENT);
    expect(site.leave(), "failed", &["no answer from"]);
}

#[test]
fn no_time_at_all_sends_nothing() {
    let server = Server::playing([replies::nil()]);
    let site = Site::new(&server.url()).time(Duration::ZERO);
    expect(site.enter(), "unavailable", &["no connection to"]);
    assert!(server.calls().is_empty());
}

#[test]
fn a_stop_before_anything_was_sent_sends_nothing() {
    let server = Server::playing([replies::nil()]);
    let site = Site::new(&server.url());
    let stopping = Asking(|| true);
    expect(site.enter_for(&stopping), "unavailable", &["stopped before anything was sent"]);
    assert!(server.calls().is_empty());
}

/// A line for a server that does not know TLS: the connection stands, but nothing was sent.
fn without_tls(server: &Server) -> Site {
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let site = Site::new(&format!("https://{}", server.at("/DSToolkit"))).word("ca=ca.pem");
    site.write("ca.pem", certificate.cert.pem())
}

#[test]
fn a_connection_that_is_not_there_in_time_is_unavailable() {
    let server = Server::playing([Reply::Silence]);
    expect(without_tls(&server).time(MOMENT).enter(), "unavailable", &["no connection to"]);
}

#[test]
fn connecting_has_a_limit_of_its_own() {
    let server = Server::playing([Reply::Silence]);
    expect(without_tls(&server).enter(), "unavailable", &["no connection to", "within 10s"]);
}

#[test]
fn a_stop_while_connecting_ends_it_at_once() {
    let server = Server::playing([Reply::Silence]);
    let connected = server.connected();
    let site = without_tls(&server);
    let stopping = Asking(|| connected.load(Ordering::SeqCst));
    expect(site.enter_for(&stopping), "unavailable", &["stopped before anything was sent"]);
}

#[test]
fn a_stop_after_the_request_waits_for_the_last_answer() {
    let (tell, told) = mpsc::channel();
    let bytes = replies::xml(&replies::response("<nil/>"));
    let server = Server::playing([Reply::WhenTold(told, bytes)]);
    let log = server.log();
    let stopping = Asking(|| {
        let stop = !log.lock().unwrap().is_empty();
        if stop {
            let _ = tell.send(());
        }
        stop
    });
    assert_eq!(Site::new(&server.url()).enter_for(&stopping), Entered::Held);
}

#[test]
fn a_leave_that_has_begun_goes_on_in_spite_of_a_stop() {
    let server = Server::playing([replies::code("user/host-1001"), replies::nil()]);
    let log = server.log();
    let stopping = Asking(|| !log.lock().unwrap().is_empty());
    assert_eq!(Site::new(&server.url()).leave_for(&stopping), Left::Left);
}

#[test]
fn a_redirect_is_unknown_and_never_followed() {
    let elsewhere = Server::playing([replies::nil()]);
    for status in ["301", "302", "303", "307", "308"] {
        let headers = format!("Location: http://{}?secret=1\r\n", elsewhere.at("/DSToolkit"));
        let reply = Reply::Bytes(replies::answer(&format!("{status} Moved"), &headers, ""));
        let server = Server::playing([reply]);
        let parts = ["which is not followed", status, &elsewhere.url(), "the toolkit itself"];
        let why = expect(Site::new(&server.url()).enter(), "unknown", &parts);
        assert!(!why.to_string().contains("secret"), "{why}");
        assert_eq!(server.calls().len(), 1);
    }
    assert!(elsewhere.calls().is_empty());
}

#[test]
fn a_redirect_to_a_login_form_is_worded_as_not_authorised() {
    for form in [
        "/acl_users/credentials_cookie_auth/require_login?came_from=http%3A//x",
        "http://other.example/login_form",
        "https://sso.example/Login",
    ] {
        let server = Server::playing([replies::redirect(form)]);
        let parts = ["not authorised", "sends on to a login form", "/access"];
        expect(Site::new(&server.url()).enter(), "unknown", &parts);
    }
}

#[test]
fn a_redirect_to_nowhere_or_with_a_password_shows_neither() {
    let server = Server::playing([replies::redirect("http://admin:secret@host/x")]);
    let why = expect(Site::new(&server.url()).enter(), "unknown", &["http://host/x"]);
    assert!(!why.to_string().contains("secret"), "{why}");
    let server = Server::playing([Reply::Bytes(replies::answer("302 Found", "", ""))]);
    expect(Site::new(&server.url()).enter(), "unknown", &["sends on to nowhere"]);
}

#[test]
fn what_a_server_says_is_shown_without_controls_and_short() {
    let words = format!("\u{202e}\u{85}red {}", "long ".repeat(500));
    let server = Server::playing([replies::fault(replies::ERROR, &words), replies::nil()]);
    let why = expect(Site::new(&server.url()).enter(), "failed", &["red long"]);
    assert!(!why.text().chars().any(|letter| letter.is_control() || letter == '\u{202e}'));
    assert!(why.text().chars().count() < 500, "{why}");
}
