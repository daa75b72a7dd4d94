//! `enter`: what the answers to `enterSnapshot` mean. The question before it is in `question`.

use dsnap_core::method::Entered;

use crate::support::conf_line::{ConfLine, expect};
use crate::support::replies::{self, DIRECTORY_STORAGE_ERROR};
use crate::support::server::{Reply, Server};

const ENTER: &str = "enterSnapshot(host-1001)";
const LEAVE: &str = "leaveSnapshot(host-1001)";
const ASK: &str = "currentSnapshotCode()";

/// Enters at a server that answers the question with nil, and then with these replies. Returns the
/// result, the server's URL and its calls after the question.
fn enter_with(replies: impl IntoIterator<Item = Reply>) -> (Entered, String, Vec<String>) {
    let server = Server::start([replies::nil()].into_iter().chain(replies));
    let url = server.url();
    let entered = ConfLine::new(&url).enter();
    let mut calls = server.calls();
    assert_eq!(calls.remove(0), ASK);
    (entered, url, calls)
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
    let server = Server::start([replies::nil(), replies::nil()]);
    let (url, host) = (server.url(), server.at(""));
    assert_eq!(ConfLine::new(&url).enter(), Entered::Held);
    let [_, request] = &server.requests()[..] else { panic!("two requests") };
    let mut lines = request.head.lines();
    assert_eq!(lines.next(), Some("POST /DSToolkit HTTP/1.1"));
    let headers: Vec<_> = lines.map(str::to_ascii_lowercase).collect();
    for expected in [
        "content-type: text/xml".to_owned(),
        format!("content-length: {}", request.body.len()),
        format!("host: {host}"),
        "accept-encoding: identity".to_owned(),
        format!("user-agent: dsnap/{}", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(headers.contains(&expected), "{expected} in {headers:?}");
    }
    assert!(request.head.contains("Basic YWRtaW46YWRtaW5wYXNz\r\n"), "{}", request.head);
    for absent in ["transfer-encoding", "cookie", "referer"] {
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
fn an_error_of_a_proxy_means_unknown() {
    for status in [
        "502 Bad Gateway",
        "503 Service Unavailable",
        "504 Gateway Timeout",
        "408 Request",
        "501 Not",
    ] {
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
    let packed = "Content-Type: text/xml\r\nContent-Encoding: gzip\r\n";
    let packed = replies::http_response("200 OK", packed, &body);
    expect_after(Reply::Bytes(packed), "unknown", &["a compressed document (gzip)", "proxy"]);
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

#[test]
fn a_zope_that_does_not_accept_xml_rpc_is_refused_with_the_setting() {
    let parts = ["does not accept XML-RPC", "400 Bad Request", "enable-xmlrpc on"];
    expect_after(replies::without_xml_rpc(), "refused", &parts);
}

#[test]
fn what_a_server_refuses_before_any_call_means_refused() {
    for status in ["400 Bad", "405 No", "407 No", "411 No", "413 No", "421 No", "429 No", "431 No"]
    {
        expect_after(replies::page(status), "refused", &["answered 4", "log"]);
    }
}

#[test]
fn after_a_500_the_code_decides() {
    for error in [replies::bare_500, || replies::page("500 Internal Server Error")] {
        let after = |code: &str| {
            let (entered, _, calls) = enter_with([error(), replies::code(code)]);
            assert_eq!(calls, [ENTER, ASK]);
            entered
        };
        assert_eq!(after("user/host-1001"), Entered::Held);
        expect(after("user/host-2002"), "busy", &["(user/host-2002)"]);
        expect(after("packing"), "busy", &["is packing"]);
        expect(after("recombining/user/x"), "busy", &["recombining/user/x"]);
        expect(after("startup"), "refused", &["restart the server"]);
        let (entered, url, calls) = enter_with([error(), replies::nil()]);
        assert_eq!(calls, [ENTER, ASK]);
        let parts = ["answered 500 Internal Server Error, and is in no snapshot", "log", &url];
        expect(entered, "likely failed", &parts);
    }
}

#[test]
fn a_500_whose_effect_cannot_be_asked_for_means_unknown() {
    for reply in [Reply::Reset, replies::page("502 Bad Gateway"), replies::bare_500()] {
        let (entered, ..) = enter_with([replies::bare_500(), reply]);
        expect(entered, "unknown", &["500", "the snapshot may or may not have been entered"]);
    }
}

#[test]
fn odd_headers_of_an_answer_do_no_harm() {
    let cookies = "Set-Cookie: a=b\r\n".repeat(120);
    for odd in [
        "Content-Type: text/xml\r\nX-Folded: one\r\n\ttwo\r\n",
        "Content-Type : text/xml\r\n",
        "Content-Type: text/xml\r\nthis is no header\r\n",
        "Content-Type: application/xml\r\n",
        "Content-Type: application/xml; charset=utf-8\r\n",
        &format!("{cookies}Content-Type: text/xml\r\n"),
    ] {
        let answer =
            || Reply::Bytes(replies::http_response("200 OK", odd, &replies::document("<nil/>")));
        let server = Server::start([answer(), answer()]);
        assert_eq!(ConfLine::new(&server.url()).enter(), Entered::Held, "{odd:.40}");
    }
}
