//! `leave`: what the server is asked, and what its answers mean.

use std::time::Duration;

use dsnap_core::method::Left;

use crate::support::conf_line::{ConfLine, expect};
use crate::support::replies::{self, DIRECTORY_STORAGE_ERROR};
use crate::support::server::{Reply, Server};

const LEAVE: &str = "leaveSnapshot(host-1001)";
const ASK: &str = "currentSnapshotCode()";

/// Leaves at a server with these replies. Returns the result and the server's calls.
fn leave_with(replies: impl IntoIterator<Item = Reply>) -> (Left, Vec<String>) {
    let server = Server::start(replies);
    let left = ConfLine::new(&server.url()).leave();
    (left, server.calls())
}

fn ours() -> Reply {
    replies::code("user/host-1001")
}

/// Leaves at a server that is in our snapshot, replies to the leave, and then to the question for the
/// code.
fn leave_and_ask(leave: Reply, code: Reply) -> Left {
    let (left, calls) = leave_with([ours(), leave, code]);
    assert_eq!(calls, [ASK, LEAVE, ASK]);
    left
}

#[test]
fn our_snapshot_is_left_after_asking_for_it() {
    for value in ["<nil/>", "<boolean>0</boolean>", "<string>x</string>"] {
        let (left, calls) = leave_with([ours(), replies::value(value)]);
        assert_eq!((left, calls), (Left::Left, vec![ASK.to_owned(), LEAVE.to_owned()]));
    }
}

#[test]
fn a_snapshot_under_another_code_is_not_left() {
    for code in [
        replies::nil(),
        replies::value("<boolean>0</boolean>"),
        replies::value("<string></string>"),
        replies::code("user/host-2002"),
        replies::code("user/host-10012"),
        replies::code("recombining/user/host-1001"),
        replies::code("packing"),
    ] {
        assert_eq!(leave_with([code]), (Left::Left, vec![ASK.to_owned()]));
    }
}

#[test]
fn a_server_in_startup_means_refused_and_is_not_asked_to_leave() {
    let (left, calls) = leave_with([replies::code("startup")]);
    assert_eq!(calls, [ASK]);
    expect(left, "refused", &["started while misc/sublock was locked", "restart"]);
}

#[test]
fn a_locked_sublock_means_busy() {
    let left = leave_and_ask(replies::locked(), ours());
    expect(left, "busy", &["misc/sublock", "LockError", "still uses the snapshot"]);
    let words = "Couldn't lock '/srv/ds/misc/sublock'";
    expect(leave_and_ask(replies::debug_fault("LockError", words), ours()), "busy", &[words]);
}

#[test]
fn another_fault_means_failed_while_the_code_is_ours() {
    let left = leave_and_ask(replies::fault(DIRECTORY_STORAGE_ERROR, "something"), ours());
    expect(left, "failed", &["leaveSnapshot failed at http://", "something"]);
    expect(leave_and_ask(replies::disconnected(), ours()), "failed", &["ClientDisconnected"]);
}

#[test]
fn after_a_fault_the_leave_succeeds_if_the_code_is_no_longer_ours() {
    let bad = || replies::fault(DIRECTORY_STORAGE_ERROR, "bad code 'user/host-1001'!=None");
    assert_eq!(leave_and_ask(bad(), replies::nil()), Left::Left);
    assert_eq!(leave_and_ask(bad(), replies::code("user/host-2002")), Left::Left);
    assert_eq!(
        leave_and_ask(replies::locked(), replies::code("recombining/user/host-1001")),
        Left::Left
    );
    expect(leave_and_ask(bad(), replies::code("startup")), "refused", &["restart the server"]);
}

#[test]
fn after_a_missing_answer_the_code_decides() {
    let half = || Reply::Cut(replies::xml_response("<methodResponse>")[..60].to_vec());
    assert_eq!(leave_and_ask(half(), replies::nil()), Left::Left);
    expect(leave_and_ask(half(), ours()), "failed", &["no complete answer"]);
    assert_eq!(leave_and_ask(replies::page("502 Bad Gateway"), replies::nil()), Left::Left);
    expect(leave_and_ask(replies::page("502 Bad Gateway"), ours()), "failed", &["502 Bad Gateway"]);
    let elsewhere = replies::redirect("http://elsewhere/DSToolkit");
    expect(leave_and_ask(elsewhere, ours()), "failed", &["redirects are not followed"]);
    let login = || replies::redirect("http://localhost/acl_users/login_form");
    assert_eq!(leave_and_ask(login(), replies::nil()), Left::Left);
    expect(leave_and_ask(login(), ours()), "failed", &["not authorised"]);
    let (left, calls) = leave_with([ours(), Reply::Reset, replies::nil()]);
    assert_eq!((left, calls), (Left::Left, vec![ASK.to_owned(), ASK.to_owned()]));
}

#[test]
fn after_a_500_the_code_decides() {
    assert_eq!(leave_and_ask(replies::bare_500(), replies::nil()), Left::Left);
    let recombining = replies::code("recombining/user/host-1001");
    assert_eq!(leave_and_ask(replies::bare_500(), recombining), Left::Left);
    let left = leave_and_ask(replies::bare_500(), replies::code("startup"));
    expect(left, "refused", &["restart the server"]);
    let left = leave_and_ask(replies::bare_500(), ours());
    expect(left, "failed", &["500 Internal Server Error"]);
}

#[test]
fn a_missing_answer_means_failed_if_the_code_cannot_be_asked_for() {
    expect(leave_with([ours(), replies::page("502 Oops")]).0, "failed", &["502"]);
    expect(leave_with([ours(), replies::bare_500()]).0, "failed", &["500"]);
    let fault = replies::fault(DIRECTORY_STORAGE_ERROR, "something");
    expect(leave_with([ours(), fault, Reply::Reset]).0, "failed", &["something"]);
}

#[test]
fn a_leave_that_cannot_be_sent_means_unavailable() {
    let (left, calls) = leave_with([ours()]);
    assert_eq!(calls, [ASK]);
    expect(left, "unavailable", &["cannot be reached"]);
}

#[test]
fn a_closed_port_means_unavailable() {
    let (left, calls) = leave_with([]);
    assert!(calls.is_empty());
    expect(left, "unavailable", &["cannot be reached: Connection refused"]);
}

#[test]
fn without_a_usable_answer_about_the_code_nothing_is_left() {
    for reply in [
        Reply::Reset,
        Reply::Cut(replies::xml_response(&replies::document("<nil/>"))[..100].to_vec()),
        replies::page("502 Bad Gateway"),
        replies::disconnected(),
    ] {
        let (left, calls) = leave_with([reply]);
        assert!(!calls.contains(&LEAVE.to_owned()), "{calls:?}");
        expect(left, "unavailable", &[]);
    }
    for reply in [
        replies::page("500 Internal Server Error"),
        replies::redirect("http://elsewhere/DSToolkit"),
        replies::value("<int>7</int>"),
        replies::value("<struct></struct>"),
        Reply::Bytes(replies::xml_response("hello")),
        Reply::Bytes(replies::xml_response(
            "<!DOCTYPE x><methodResponse><params/></methodResponse>",
        )),
        Reply::Bytes(replies::xml_response(&"<methodResponse>".repeat(50_000))),
        Reply::Endless(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n".to_vec()),
    ] {
        let (left, calls) = leave_with([reply]);
        assert!(!calls.contains(&LEAVE.to_owned()), "{calls:?}");
        expect(left, "failed", &[]);
    }
}

/// Leaves a snapshot that the storage shows, at a server with these replies.
fn leave_seen(replies: impl IntoIterator<Item = Reply>) -> (Left, Vec<String>) {
    let server = Server::start(replies);
    let left = ConfLine::new(&server.url()).seen().leave();
    (left, server.calls())
}

#[test]
fn a_snapshot_that_the_storage_shows_is_left_without_an_answer_to_the_question() {
    for unanswered in [
        Reply::Cut(replies::xml_response("<methodResponse>")[..60].to_vec()),
        replies::page("502 Bad Gateway"),
        replies::page("404 Not Found"),
        replies::page("401 Unauthorized"),
        replies::bare_500(),
        replies::not_found(),
        replies::disconnected(),
        replies::value("<int>7</int>"),
        Reply::Bytes(replies::xml_response("hello")),
    ] {
        let (left, calls) = leave_seen([unanswered, replies::nil()]);
        assert_eq!((left, calls), (Left::Left, vec![ASK.to_owned(), LEAVE.to_owned()]));
    }
}

#[test]
fn a_question_without_an_answer_leaves_time_for_the_leave() {
    let server = Server::start([Reply::Silence, replies::nil()]);
    let line = ConfLine::new(&server.url()).with_limit(Duration::from_secs(2)).seen();
    assert_eq!(line.leave(), Left::Left);
    assert_eq!(server.calls(), [ASK, LEAVE]);
}

#[test]
fn a_snapshot_that_the_storage_shows_is_not_left_if_the_server_names_another_use() {
    for code in [replies::nil(), replies::code("user/host-2002")] {
        assert_eq!(leave_seen([code]), (Left::Left, vec![ASK.to_owned()]));
    }
    let (left, calls) = leave_seen([replies::code("startup")]);
    assert_eq!(calls, [ASK]);
    expect(left, "refused", &["restart the server"]);
}

#[test]
fn a_missing_permission_and_a_wrong_path_mean_refused() {
    for status in ["401 Unauthorized", "403 Forbidden"] {
        expect(leave_with([replies::page(status)]).0, "refused", &["not authorised", "/access"]);
        expect(leave_with([ours(), replies::page(status)]).0, "refused", &["not authorised"]);
    }
    let login = replies::redirect("http://localhost/acl_users/login_form");
    expect(leave_with([login]).0, "refused", &["not authorised", "login form"]);
    for reply in [replies::page("404 Not Found"), replies::not_found()] {
        expect(leave_with([reply]).0, "refused", &["no DirectoryStorageToolkit at"]);
    }
}

#[test]
fn a_server_that_cannot_say_its_code_means_refused() {
    let words = "'FileStorage' object has no attribute 'filesystem'";
    let (left, calls) = leave_with([replies::fault("exceptions.AttributeError", words)]);
    assert_eq!(calls, [ASK]);
    expect(left, "refused", &["currentSnapshotCode failed at", words, "error log"]);
}
