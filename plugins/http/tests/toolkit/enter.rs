//! What an answer to `enterSnapshot` means.

use dsnap_core::method::Entered;

use crate::replies::{self, ERROR};
use crate::server::{Reply, Server};
use crate::stage::{Site, expect};

const ENTER: &str = "enterSnapshot(host-1001)";
const LEAVE: &str = "leaveSnapshot(host-1001)";
const ASK: &str = "currentSnapshotCode()";

/// Enters at a server with this script: the result, the URL, and what the server was asked.
fn play(replies: impl IntoIterator<Item = Reply>) -> (Entered, String, Vec<String>) {
    let server = Server::playing(replies);
    let url = server.url();
    let entered = Site::new(&url).enter();
    (entered, url, server.calls())
}

/// One reply, no further question.
fn one(reply: Reply, kind: &str, parts: &[&str]) -> dsnap_core::Reason {
    let (entered, url, calls) = play([reply]);
    assert_eq!(calls, [ENTER]);
    let parts: Vec<_> = parts.iter().copied().chain([url.as_str()]).collect();
    expect(entered, kind, &parts)
}

#[test]
fn the_request_is_the_one_that_zope_understands() {
    let server = Server::playing([replies::nil()]);
    let (url, host) = (server.url(), server.at(""));
    assert_eq!(Site::new(&url).enter(), Entered::Held);
    let [asked] = &server.requests()[..] else { panic!("one request") };
    let mut lines = asked.head.lines();
    assert_eq!(lines.next(), Some("POST /DSToolkit HTTP/1.1"));
    let headers: Vec<_> = lines.map(str::to_ascii_lowercase).collect();
    for expected in [
        "content-type: text/xml".to_owned(),
        format!("content-length: {}", asked.body.len()),
        format!("host: {host}"),
        format!("user-agent: dsnap/{}", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(headers.contains(&expected), "{expected} in {headers:?}");
    }
    assert!(asked.head.contains("Basic YWRtaW46YWRtaW5wYXNz\r\n"), "{}", asked.head);
    for absent in ["accept-encoding", "transfer-encoding", "cookie", "referer"] {
        assert!(!headers.iter().any(|header| header.starts_with(absent)), "{headers:?}");
    }
    assert!(asked.body.starts_with("<?xml version='1.0'?>\n<methodCall>"), "{}", asked.body);
}

#[test]
fn an_answer_without_a_fault_is_held_whatever_its_value() {
    for value in ["<nil/>", "<boolean>0</boolean>", "<string>x</string>", "", "<i8>1</i8>"] {
        let (entered, _, calls) = play([replies::value(value)]);
        assert_eq!((entered, calls), (Entered::Held, vec![ENTER.to_owned()]), "{value}");
    }
}

#[test]
fn an_answer_with_a_charset_or_of_http_1_0_is_one_too() {
    let body = replies::response("<nil/>");
    let charset = "Content-Type: Text/XML; charset=utf-8\r\n";
    let old = format!("HTTP/1.0 200 OK\r\nContent-Type: text/xml\r\n\r\n{body}").into_bytes();
    let replies = [Reply::Bytes(replies::answer("200 OK", charset, &body)), Reply::Half(old)];
    for reply in replies {
        assert_eq!(play([reply]).0, Entered::Held);
    }
}

#[test]
fn a_slow_answer_is_waited_for() {
    let bytes = replies::xml(&replies::response("<nil/>"));
    assert_eq!(play([Reply::Slowly(bytes)]).0, Entered::Held);
}

#[test]
fn nobody_there_is_unavailable() {
    let server = Server::playing([]);
    let url = server.url();
    assert!(server.calls().is_empty());
    expect(Site::new(&url).enter(), "unavailable", &[&url, "Connection refused"]);
}

#[test]
fn a_host_that_does_not_exist_is_unavailable() {
    let url = "http://no-such-host.invalid:8080/DSToolkit";
    expect(Site::new(url).enter(), "unavailable", &[url]);
}

#[test]
fn no_or_wrong_credentials_are_refused_with_what_to_check() {
    for status in ["401 Unauthorized", "403 Forbidden"] {
        let parts = ["not authorised", status, "/access", "'Manage DirectoryStorages'"];
        one(replies::page(status), "refused", &parts);
    }
}

#[test]
fn a_fault_of_missing_rights_is_refused_too() {
    let reply = replies::fault("AccessControl.unauthorized.Unauthorized", "You may not");
    one(reply, "refused", &["not authorised", "Unauthorized: You may not", "/access"]);
}

#[test]
fn a_wrong_path_is_refused_with_where_the_url_must_lead() {
    for reply in [replies::page("404 Not Found"), replies::not_found()] {
        one(reply, "refused", &["no DirectoryStorageToolkit at", "must lead to"]);
    }
}

#[test]
fn somebody_elses_snapshot_is_busy_and_named() {
    one(replies::in_use("user/host-2002"), "busy", &["(user/host-2002)"]);
    let words = "Can not enter snapshot mode: snapshot already in use by 'user/host-2002'";
    let reply = replies::debug_fault("DirectoryStorageError", words);
    one(reply, "busy", &["(user/host-2002)"]);
}

#[test]
fn our_own_snapshot_is_held() {
    let (entered, _, calls) = play([replies::in_use("user/host-1001")]);
    assert_eq!((entered, calls), (Entered::Held, vec![ENTER.to_owned()]));
}

#[test]
fn a_server_that_packs_or_recombines_is_busy() {
    one(replies::in_use("packing"), "busy", &["is packing"]);
    let work = "recombining/user/host-1001";
    one(replies::in_use(work), "busy", &[work]);
}

#[test]
fn a_server_that_was_started_while_sublock_was_held_is_refused() {
    let parts = ["started while somebody held misc/sublock", "restart the server"];
    one(replies::in_use("startup"), "refused", &parts);
}

#[test]
fn a_lost_zeo_server_leaves_it_unknown() {
    one(replies::disconnected(), "unknown", &["ClientDisconnected", "ZEO server"]);
}

#[test]
fn another_fault_without_effect_is_failed() {
    let full = || replies::fault("exceptions.IOError", "[Errno 28] No space left on device");
    for code in [replies::nil(), replies::value("<boolean>0</boolean>"), replies::code("user/x")] {
        let (entered, url, calls) = play([full(), code]);
        assert_eq!(calls, [ENTER, ASK]);
        expect(entered, "failed", &["IOError: [Errno 28] No space left", &url]);
    }
}

#[test]
fn another_fault_that_had_its_effect_is_left_again_and_failed() {
    let full = replies::fault("exceptions.IOError", "[Errno 28] No space left on device");
    let (entered, _, calls) = play([full, replies::code("user/host-1001"), replies::nil()]);
    assert_eq!(calls, [ENTER, ASK, LEAVE]);
    expect(entered, "failed", &["No space left"]);
}

#[test]
fn an_effect_that_could_not_be_left_again_stays_unknown() {
    let full = replies::fault(ERROR, "something");
    let ours = || replies::code("user/host-1001");
    let (entered, _, calls) = play([full, ours(), replies::locked(), ours()]);
    assert_eq!(calls, [ENTER, ASK, LEAVE, ASK]);
    expect(entered, "unknown", &["something", "could not be left again", "LockError"]);
}

#[test]
fn another_fault_whose_effect_cannot_be_asked_for_is_unknown() {
    let fault = || replies::fault(ERROR, "something");
    let broken = [replies::disconnected(), replies::page("502 Bad Gateway"), Reply::Reset, fault()];
    for reply in broken {
        let (entered, ..) = play([fault(), reply]);
        expect(entered, "unknown", &["something", "whether it had its effect is not known"]);
    }
    expect(play([fault()]).0, "unknown", &["whether it had its effect is not known"]);
}

#[test]
fn a_fault_without_words_is_asked_about_as_any_other() {
    let odd = Reply::Bytes(replies::xml("<methodResponse><fault/></methodResponse>"));
    let (entered, _, calls) = play([odd, replies::nil()]);
    assert_eq!(calls, [ENTER, ASK]);
    expect(entered, "failed", &["cannot be read"]);
}

#[test]
fn a_server_error_is_unknown() {
    for status in ["500 Internal Server Error", "502 Bad Gateway", "400 Bad Request"] {
        one(replies::page(status), "unknown", &[status, "log"]);
    }
}

#[test]
fn an_answer_that_is_not_xml_rpc_is_unknown() {
    let body = replies::response("<nil/>");
    let html = replies::answer("200 OK", "Content-Type: text/html\r\n", &body);
    one(Reply::Bytes(html), "unknown", &["is not XML, but text/html"]);
    one(Reply::Bytes(replies::answer("200 OK", "", &body)), "unknown", &["of no type"]);
    for wrong in ["hello", "", "<html/>", "<!DOCTYPE x><methodResponse><params/></methodResponse>"]
    {
        one(Reply::Bytes(replies::xml(wrong)), "unknown", &["not one of XML-RPC"]);
    }
    let deep = "<array><data><value>".repeat(40_000);
    one(Reply::Bytes(replies::xml(&replies::response(&deep))), "unknown", &["not one of XML-RPC"]);
}

#[test]
fn an_endless_answer_is_unknown() {
    let body = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n".to_vec();
    one(Reply::Endless(body), "unknown", &["larger than 1048576 bytes"]);
    let head = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
    one(Reply::Endless(head), "unknown", &["no complete answer"]);
}

#[test]
fn an_endless_page_with_a_401_is_still_a_401() {
    let page = b"HTTP/1.1 401 Unauthorized\r\nContent-Type: text/html\r\n\r\n".to_vec();
    one(Reply::Endless(page), "refused", &["not authorised"]);
}
