//! What the caller is told of each call: what is sent, and what comes back.

use crate::support::conf_line::{ConfLine, Tracing};
use crate::support::replies;
use crate::support::server::{Reply, Server};

/// Leaves after this reply to the question, and returns what was traced, without times.
fn traced(reply: Reply) -> Vec<String> {
    let (server, tracing) = (Server::start([reply]), Tracing::default());
    ConfLine::new(&server.url()).leave_for(&tracing);
    let lines = tracing.0.into_inner();
    lines.iter().map(|line| without_time(line).replace(&server.url(), "URL")).collect()
}

fn without_time(line: &str) -> &str {
    line.rsplit_once(" (after ").map_or(line, |(words, _)| words)
}

#[test]
fn each_call_is_traced_with_its_argument_its_status_and_its_answer() {
    let server = Server::start([replies::nil(), replies::nil()]);
    let tracing = Tracing::default();
    ConfLine::new(&server.url()).enter_for(&tracing);
    let lines = tracing.0.into_inner();
    let lines: Vec<_> = lines.iter().map(|line| without_time(line)).collect();
    assert_eq!(
        lines,
        [
            "calling currentSnapshotCode()",
            "currentSnapshotCode answered 200 OK, nothing",
            "calling enterSnapshot(`host-1001`)",
            "enterSnapshot answered 200 OK, nothing",
        ]
    );
}

#[test]
fn every_kind_of_answer_is_traced() {
    for (reply, words) in [
        (replies::code("user/other"), "200 OK, `user/other`"),
        (replies::value("<boolean>0</boolean>"), "200 OK, false"),
        (replies::fault("a.ValueError", "why"), "200 OK, fault ValueError: why"),
        (replies::redirect("/elsewhere"), "302 Found, nothing usable: URL redirects to "),
        (Reply::Cut(b"HTTP/1.1 200 OK\r\n".to_vec()), "nothing usable: "),
    ] {
        let lines = traced(reply);
        let answer = format!("currentSnapshotCode answered {words}");
        assert!(lines[1].starts_with(&answer), "{answer} in {lines:?}");
    }
}

#[test]
fn a_long_answer_is_traced_shortened_and_without_the_secret_at_its_cut() {
    let limit = dsnap_engine::limits::MAX_SHOWN_FAULT_CHARS;
    let lines = traced(replies::code(&format!("user/{}adminpass", "x".repeat(limit - 9))));
    assert!(lines[1].len() < limit + 60 && lines[1].ends_with("***`"), "{lines:?}");
    let lines = traced(replies::code(&"x".repeat(2 * limit)));
    assert!(lines[1].len() < limit + 60 && lines[1].ends_with("x…`"), "{lines:?}");
}
