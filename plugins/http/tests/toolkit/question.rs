//! The question before an enter: without a good answer, nothing is entered.

use std::time::Duration;

use dsnap_core::method::Entered;

use crate::support::conf_line::{ConfLine, expect};
use crate::support::replies;
use crate::support::server::{Reply, Server};

const ENTER: &str = "enterSnapshot(host-1001)";
const ASK: &str = "currentSnapshotCode()";

/// Enters at a server with these replies, of which the first is that to the question.
fn enter_asking(replies: impl IntoIterator<Item = Reply>) -> (Entered, String, Vec<String>) {
    let server = Server::start(replies);
    let url = server.url();
    let entered = ConfLine::new(&url).enter();
    (entered, url, server.calls())
}

/// Checks what one reply to the question before an enter means, and that nothing is entered.
fn expect_not_entered(reply: Reply, variant: &str, parts: &[&str]) {
    let (entered, url, calls) = enter_asking([reply]);
    assert!(!calls.contains(&ENTER.to_owned()), "{calls:?}");
    let parts: Vec<_> = parts.iter().copied().chain([url.as_str()]).collect();
    expect(entered, variant, &parts);
}

#[test]
fn before_an_enter_the_server_is_asked_for_its_code() {
    for free in [replies::nil(), replies::value("<boolean>0</boolean>")] {
        let (entered, _, calls) = enter_asking([free, replies::nil()]);
        assert_eq!((entered, calls), (Entered::Held, vec![ASK.to_owned(), ENTER.to_owned()]));
    }
}

#[test]
fn an_earlier_enter_under_our_code_that_came_late_is_confirmed_by_another_one() {
    let ours = "user/host-1001";
    for answer in [replies::in_use(ours), replies::nil()] {
        let (entered, _, calls) = enter_asking([replies::code(ours), answer]);
        assert_eq!((entered, calls), (Entered::Held, vec![ASK.to_owned(), ENTER.to_owned()]));
    }
    let answers = [replies::code(ours), replies::bare_500(), replies::code(ours)];
    let (entered, _, calls) = enter_asking(answers);
    assert_eq!((entered, calls.len()), (Entered::Held, 3));
}

#[test]
fn a_server_that_is_in_use_is_not_asked_to_enter() {
    expect_not_entered(replies::code("user/host-2002"), "busy", &["(user/host-2002)"]);
    expect_not_entered(replies::code("packing"), "busy", &["is packing"]);
    expect_not_entered(replies::code("recombining/user/x"), "busy", &["recombining/user/x"]);
    let parts = ["started while misc/sublock was locked", "restart the server"];
    expect_not_entered(replies::code("startup"), "refused", &parts);
}

#[test]
fn a_question_without_an_answer_means_unavailable_and_nothing_is_entered() {
    for status in ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"] {
        expect_not_entered(replies::page(status), "unavailable", &[status]);
    }
    expect_not_entered(Reply::Reset, "unavailable", &["no complete answer"]);
    let half = Reply::Cut(replies::xml_response("<methodResponse>")[..60].to_vec());
    expect_not_entered(half, "unavailable", &["no complete answer"]);
    expect_not_entered(replies::disconnected(), "unavailable", &["ClientDisconnected"]);
    expect_not_entered(replies::bare_500(), "unavailable", &["500 Internal Server Error"]);
}

#[test]
fn a_question_that_is_not_answered_within_the_limit_of_a_leave_means_unavailable() {
    let server = Server::start([Reply::Silence]);
    let line = ConfLine::new(&server.url()).with_leave_limit(Duration::from_millis(300));
    expect(line.enter(), "unavailable", &["no answer from", "within 0.3 seconds", "timeout="]);
    assert_eq!(server.calls(), [ASK]);
}

#[test]
fn a_question_that_is_refused_means_refused_and_nothing_is_entered() {
    for status in ["401 Unauthorized", "403 Forbidden"] {
        expect_not_entered(replies::page(status), "refused", &["not authorised", "/access"]);
    }
    for status in ["400 Bad Request", "405 Method Not Allowed", "407 Proxy Auth"] {
        expect_not_entered(replies::page(status), "refused", &[&status[..3]]);
    }
    for missing in [replies::page("404 Not Found"), replies::not_found()] {
        expect_not_entered(missing, "refused", &["no DirectoryStorageToolkit at"]);
    }
}

#[test]
fn a_question_whose_answer_cannot_be_read_means_failed_and_nothing_is_entered() {
    let nil = replies::document("<nil/>");
    let packed = "Content-Type: text/xml\r\nContent-Encoding: gzip\r\n";
    let packed = replies::http_response("200 OK", packed, "\u{1f}\u{8b}");
    for unreadable in [
        Reply::Bytes(packed),
        Reply::Bytes(replies::http_response("200 OK", "Content-Type: text/html\r\n", &nil)),
        Reply::Bytes(replies::xml_response("hello")),
        Reply::Cut(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        Reply::Endless(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n".to_vec()),
        replies::value("<int>7</int>"),
        replies::redirect("http://elsewhere/DSToolkit"),
    ] {
        expect_not_entered(unreadable, "failed", &[]);
    }
}

#[test]
fn a_question_to_a_zope_that_does_not_accept_xml_rpc_is_refused_with_the_setting() {
    let parts = ["does not accept XML-RPC", "400 Bad Request", "enable-xmlrpc on"];
    expect_not_entered(replies::without_xml_rpc(), "refused", &parts);
}

#[test]
fn a_zeo_server_without_the_patch_is_named() {
    let lacks = "'ClientStorage' object has no attribute 'currentSnapshotCode'";
    let parts = ["currentSnapshotCode failed at ", lacks, "patch ZEO as DirectoryStorage's"];
    expect_not_entered(replies::fault("exceptions.AttributeError", lacks), "refused", &parts);
}
