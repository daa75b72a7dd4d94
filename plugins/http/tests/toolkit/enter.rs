//! `enter`: what the answers to `enterSnapshot` mean.

use dsnap_core::method::Entered;

use crate::support::conf_line::{ConfLine, expect};
use crate::support::replies::{self, DIRECTORY_STORAGE_ERROR};
use crate::support::server::{Reply, Server};

const ENTER: &str = "enterSnapshot(host-1001)";
const LEAVE: &str = "leaveSnapshot(host-1001)";
const ASK: &str = "currentSnapshotCode()";

/// Enters at a server with these replies. Returns the result, the server's URL and its calls.
fn enter_with(replies: impl IntoIterator<Item = Reply>) -> (Entered, String, Vec<String>) {
    let server = Server::start(replies);
    let url = server.url();
    let entered = ConfLine::new(&url).enter();
    (entered, url, server.calls())
}

/// Checks what one reply to `enterSnapshot` means, and that no other call follows.
fn expect_after(reply: Reply, variant: &str, parts: &[&str]) {
    let (entered, url, calls) = enter_with([reply]);
    assert_eq!(calls, [ENTER]);
    let parts: Vec<_> = parts.iter().copied().chain([url.as_str()]).collect();
    expect(entered, variant, &parts);
}

#[test]
fn the_request_is_the_one_that_zope_understands() {
    let server = Server::start([replies::nil()]);
    let (url, host) = (server.url(), server.at(""));
    assert_eq!(ConfLine::new(&url).enter(), Entered::Held);
    let [request] = &server.requests()[..] else { panic!("one request") };
    let mut lines = request.head.lines();
    assert_eq!(lines.next(), Some("POST /DSToolkit HTTP/1.1"));
    let headers: Vec<_> = lines.map(str::to_ascii_lowercase).collect();
    for expected in [
        "content-type: text/xml".to_owned(),
        format!("content-length: {}", request.body.len()),
        format!("host: {host}"),
        format!("user-agent: dsnap/{}", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(headers.contains(&expected), "{expected} in {headers:?}");
    }
    assert!(request.head.contains("Basic YWRtaW46YWRtaW5wYXNz\r\n"), "{}", request.head);
    for absent in ["accept-encoding", "transfer-encoding", "cookie", "referer"] {
        assert!(!headers.iter().any(|header| header.starts_with(absent)), "{headers:?}");
    }
    assert!(request.body.starts_with("<?xml version='1.0'?>\n<methodCall>"), "{}", request.body);
}

#[test]
fn an_answer_without_a_fault_means_held_whatever_its_value() {
    for value in ["<nil/>", "<boolean>0</boolean>", "<string>x</string>", "", "<i8>1</i8>"] {
        let (entered, _, calls) = enter_with([replies::value(value)]);
        assert_eq!((entered, calls), (Entered::Held, vec![ENTER.to_owned()]), "{value}");
    }
}

#[test]
fn an_answer_with_a_charset_or_in_http_1_0_is_accepted() {
    let body = replies::document("<nil/>");
    let charset = "Content-Type: Text/XML; charset=utf-8\r\n";
    let old = format!("HTTP/1.0 200 OK\r\nContent-Type: text/xml\r\n\r\n{body}").into_bytes();
    let replies = [Reply::Bytes(replies::http_response("200 OK", charset, &body)), Reply::Cut(old)];
    for reply in replies {
        assert_eq!(enter_with([reply]).0, Entered::Held);
    }
}

#[test]
fn a_slow_answer_is_waited_for() {
    let bytes = replies::xml_response(&replies::document("<nil/>"));
    assert_eq!(enter_with([Reply::Slowly(bytes)]).0, Entered::Held);
}

#[test]
fn a_closed_port_means_unavailable() {
    let server = Server::start([]);
    let url = server.url();
    assert!(server.calls().is_empty());
    expect(ConfLine::new(&url).enter(), "unavailable", &[&url, "Connection refused"]);
}

#[test]
fn a_host_that_does_not_exist_means_unavailable() {
    let url = "http://no-such-host.invalid:8080/DSToolkit";
    expect(ConfLine::new(url).enter(), "unavailable", &[url]);
}

#[test]
fn missing_or_wrong_credentials_mean_refused_with_a_hint() {
    for status in ["401 Unauthorized", "403 Forbidden"] {
        let parts = ["not authorised", status, "/access", "'Manage DirectoryStorages'"];
        expect_after(replies::page(status), "refused", &parts);
    }
}

#[test]
fn a_fault_of_missing_permission_means_refused() {
    let reply = replies::fault("AccessControl.unauthorized.Unauthorized", "You may not");
    expect_after(reply, "refused", &["not authorised", "Unauthorized: You may not", "/access"]);
}

#[test]
fn a_wrong_path_means_refused_with_a_hint_about_the_url() {
    for reply in [replies::page("404 Not Found"), replies::not_found()] {
        expect_after(reply, "refused", &["no DirectoryStorageToolkit at", "must lead to"]);
    }
}

#[test]
fn a_snapshot_under_another_code_means_busy_and_is_named() {
    expect_after(replies::in_use("user/host-2002"), "busy", &["(user/host-2002)"]);
    let words = "Can not enter snapshot mode: snapshot already in use by 'user/host-2002'";
    let reply = replies::debug_fault("DirectoryStorageError", words);
    expect_after(reply, "busy", &["(user/host-2002)"]);
}

#[test]
fn a_snapshot_under_our_code_means_held() {
    let (entered, _, calls) = enter_with([replies::in_use("user/host-1001")]);
    assert_eq!((entered, calls), (Entered::Held, vec![ENTER.to_owned()]));
}

#[test]
fn a_server_that_packs_or_recombines_means_busy() {
    expect_after(replies::in_use("packing"), "busy", &["is packing"]);
    let work = "recombining/user/host-1001";
    expect_after(replies::in_use(work), "busy", &[work]);
}

#[test]
fn a_server_started_while_sublock_was_locked_means_refused() {
    let parts = ["started while misc/sublock was locked", "restart the server"];
    expect_after(replies::in_use("startup"), "refused", &parts);
}

#[test]
fn a_lost_zeo_server_means_unknown() {
    expect_after(replies::disconnected(), "unknown", &["ClientDisconnected", "ZEO server"]);
}

#[test]
fn another_fault_without_effect_means_failed() {
    let full = || replies::fault("exceptions.IOError", "[Errno 28] No space left on device");
    for code in [replies::nil(), replies::value("<boolean>0</boolean>"), replies::code("user/x")] {
        let (entered, url, calls) = enter_with([full(), code]);
        assert_eq!(calls, [ENTER, ASK]);
        expect(entered, "failed", &["IOError: [Errno 28] No space left", &url]);
    }
}

#[test]
fn a_snapshot_entered_in_spite_of_a_fault_is_left_again() {
    let full = replies::fault("exceptions.IOError", "[Errno 28] No space left on device");
    let (entered, _, calls) = enter_with([full, replies::code("user/host-1001"), replies::nil()]);
    assert_eq!(calls, [ENTER, ASK, LEAVE]);
    expect(entered, "failed", &["No space left"]);
}

#[test]
fn a_snapshot_entered_in_spite_of_a_fault_that_cannot_be_left_means_unknown() {
    let full = replies::fault(DIRECTORY_STORAGE_ERROR, "something");
    let ours = || replies::code("user/host-1001");
    let (entered, _, calls) = enter_with([full, ours(), replies::locked(), ours()]);
    assert_eq!(calls, [ENTER, ASK, LEAVE, ASK]);
    expect(entered, "unknown", &["something", "could not be left again", "LockError"]);
}

#[test]
fn a_fault_whose_effect_cannot_be_asked_for_means_unknown() {
    let fault = || replies::fault(DIRECTORY_STORAGE_ERROR, "something");
    let broken = [replies::disconnected(), replies::page("502 Bad Gateway"), Reply::Reset, fault()];
    for reply in broken {
        let (entered, ..) = enter_with([fault(), reply]);
        expect(entered, "unknown", &["something", "the snapshot may or may not have been entered"]);
    }
    expect(enter_with([fault()]).0, "unknown", &["the snapshot may or may not have been entered"]);
}

#[test]
fn the_effect_of_a_fault_without_text_is_asked_for_too() {
    let odd = Reply::Bytes(replies::xml_response("<methodResponse><fault/></methodResponse>"));
    let (entered, _, calls) = enter_with([odd, replies::nil()]);
    assert_eq!(calls, [ENTER, ASK]);
    expect(entered, "failed", &["cannot be read"]);
}

#[test]
fn an_error_status_means_unknown() {
    for status in ["500 Internal Server Error", "502 Bad Gateway", "400 Bad Request"] {
        expect_after(
            replies::page(status),
            "unknown",
            &[status, "may or may not have been entered", "log"],
        );
    }
}

#[test]
fn an_answer_that_is_not_xml_rpc_means_unknown() {
    let body = replies::document("<nil/>");
    let html = replies::http_response("200 OK", "Content-Type: text/html\r\n", &body);
    expect_after(Reply::Bytes(html), "unknown", &["answered with text/html, not with XML"]);
    expect_after(
        Reply::Bytes(replies::http_response("200 OK", "", &body)),
        "unknown",
        &["without a Content-Type"],
    );
    for wrong in ["hello", "", "<html/>", "<!DOCTYPE x><methodResponse><params/></methodResponse>"]
    {
        expect_after(
            Reply::Bytes(replies::xml_response(wrong)),
            "unknown",
            &["not an XML-RPC response"],
        );
    }
    let deep = "<array><data><value>".repeat(40_000);
    expect_after(
        Reply::Bytes(replies::xml_response(&replies::document(&deep))),
        "unknown",
        &["not an XML-RPC response"],
    );
}

#[test]
fn an_endless_answer_means_unknown() {
    let body = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n".to_vec();
    expect_after(Reply::Endless(body), "unknown", &["larger than 1048576 bytes"]);
    let head = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
    expect_after(Reply::Endless(head), "unknown", &["no complete answer"]);
}

#[test]
fn an_endless_page_with_a_401_means_refused() {
    let page = b"HTTP/1.1 401 Unauthorized\r\nContent-Type: text/html\r\n\r\n".to_vec();
    expect_after(Reply::Endless(page), "refused", &["not authorised"]);
}
