//! Leaving: what the server is asked, and what its answers mean.

use dsnap_core::method::Left;

use crate::replies::{self, ERROR};
use crate::server::{Reply, Server};
use crate::stage::{Site, expect};

const LEAVE: &str = "leaveSnapshot(host-1001)";
const ASK: &str = "currentSnapshotCode()";

fn play(replies: impl IntoIterator<Item = Reply>) -> (Left, Vec<String>) {
    let server = Server::playing(replies);
    let left = Site::new(&server.url()).leave();
    (left, server.calls())
}

fn ours() -> Reply {
    replies::code("user/host-1001")
}

/// The server is in our snapshot, answers the leave like this, and then the question like that.
fn after(leave: Reply, code: Reply) -> Left {
    let (left, calls) = play([ours(), leave, code]);
    assert_eq!(calls, [ASK, LEAVE, ASK]);
    left
}

#[test]
fn our_snapshot_is_left_after_asking_for_it() {
    for value in ["<nil/>", "<boolean>0</boolean>", "<string>x</string>"] {
        let (left, calls) = play([ours(), replies::value(value)]);
        assert_eq!((left, calls), (Left::Left, vec![ASK.to_owned(), LEAVE.to_owned()]));
    }
}

#[test]
fn without_our_code_there_is_nothing_to_leave_and_nothing_is_sent() {
    for code in [
        replies::nil(),
        replies::value("<boolean>0</boolean>"),
        replies::value("<string></string>"),
        replies::code("user/host-2002"),
        replies::code("user/host-10012"),
        replies::code("recombining/user/host-1001"),
        replies::code("packing"),
    ] {
        assert_eq!(play([code]), (Left::Left, vec![ASK.to_owned()]));
    }
}

#[test]
fn a_server_in_startup_is_refused_and_not_asked_to_leave() {
    let (left, calls) = play([replies::code("startup")]);
    assert_eq!(calls, [ASK]);
    expect(left, "refused", &["started while somebody held misc/sublock", "restart"]);
}

#[test]
fn a_held_sublock_is_busy() {
    let left = after(replies::locked(), ours());
    expect(left, "busy", &["misc/sublock", "LockError", "still uses the snapshot"]);
    let words = "Couldn't lock '/srv/ds/misc/sublock'";
    expect(after(replies::debug_fault("LockError", words), ours()), "busy", &[words]);
}

#[test]
fn another_fault_is_failed_while_the_code_is_ours() {
    let left = after(replies::fault(ERROR, "something"), ours());
    expect(left, "failed", &["leaveSnapshot failed at http://", "something"]);
    expect(after(replies::disconnected(), ours()), "failed", &["ClientDisconnected"]);
}

#[test]
fn after_a_fault_there_may_be_nothing_left_to_leave() {
    let bad = || replies::fault(ERROR, "bad code 'user/host-1001'!=None");
    assert_eq!(after(bad(), replies::nil()), Left::Left);
    assert_eq!(after(bad(), replies::code("user/host-2002")), Left::Left);
    assert_eq!(after(replies::locked(), replies::code("recombining/user/host-1001")), Left::Left);
    expect(after(bad(), replies::code("startup")), "refused", &["restart the server"]);
}

#[test]
fn a_lost_answer_is_asked_for_again() {
    let half = || Reply::Half(replies::xml("<methodResponse>")[..60].to_vec());
    assert_eq!(after(half(), replies::nil()), Left::Left);
    expect(after(half(), ours()), "failed", &["no complete answer"]);
    assert_eq!(after(replies::page("502 Bad Gateway"), replies::nil()), Left::Left);
    expect(after(replies::page("502 Bad Gateway"), ours()), "failed", &["502 Bad Gateway"]);
    let elsewhere = replies::redirect("http://elsewhere/DSToolkit");
    expect(after(elsewhere, ours()), "failed", &["is not followed"]);
    let (left, calls) = play([ours(), Reply::Reset, replies::nil()]);
    assert_eq!((left, calls), (Left::Left, vec![ASK.to_owned(), ASK.to_owned()]));
}

#[test]
fn a_lost_answer_that_cannot_be_asked_for_again_is_failed() {
    expect(play([ours(), replies::page("500 Oops")]).0, "failed", &["500"]);
    let fault = replies::fault(ERROR, "something");
    expect(play([ours(), fault, Reply::Reset]).0, "failed", &["something"]);
}

#[test]
fn a_leave_that_never_reached_the_server_is_unavailable() {
    let (left, calls) = play([ours()]);
    assert_eq!(calls, [ASK]);
    expect(left, "unavailable", &["cannot be reached"]);
}

#[test]
fn nobody_there_is_unavailable() {
    let (left, calls) = play([]);
    assert!(calls.is_empty());
    expect(left, "unavailable", &["cannot be reached: Connection refused"]);
}

#[test]
fn a_question_without_a_good_answer_is_unavailable_and_nothing_is_left() {
    for reply in [
        Reply::Reset,
        Reply::Half(replies::xml(&replies::response("<nil/>"))[..100].to_vec()),
        replies::page("500 Internal Server Error"),
        replies::redirect("http://elsewhere/DSToolkit"),
        replies::disconnected(),
        replies::value("<int>7</int>"),
        replies::value("<struct></struct>"),
        Reply::Bytes(replies::xml("hello")),
        Reply::Bytes(replies::xml("<!DOCTYPE x><methodResponse><params/></methodResponse>")),
        Reply::Bytes(replies::xml(&"<methodResponse>".repeat(50_000))),
        Reply::Endless(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n".to_vec()),
    ] {
        let (left, calls) = play([reply]);
        assert!(!calls.contains(&LEAVE.to_owned()), "{calls:?}");
        expect(left, "unavailable", &[]);
    }
}

#[test]
fn missing_rights_and_a_wrong_path_are_refused() {
    for status in ["401 Unauthorized", "403 Forbidden"] {
        expect(play([replies::page(status)]).0, "refused", &["not authorised", "/access"]);
        expect(play([ours(), replies::page(status)]).0, "refused", &["not authorised"]);
    }
    let login = replies::redirect("http://localhost/acl_users/login_form");
    expect(play([login]).0, "refused", &["not authorised", "login form"]);
    for reply in [replies::page("404 Not Found"), replies::not_found()] {
        expect(play([reply]).0, "refused", &["no DirectoryStorageToolkit at"]);
    }
}

#[test]
fn a_question_that_fails_in_the_server_is_refused() {
    let words = "'FileStorage' object has no attribute 'filesystem'";
    let (left, calls) = play([replies::fault("exceptions.AttributeError", words)]);
    assert_eq!(calls, [ASK]);
    expect(left, "refused", &["currentSnapshotCode failed at", words, "error log"]);
}
