//! What the caller is told of a conversation: what is called, and what comes back.

use crate::support::conf_line::{ConfLine, Tracing};
use crate::support::pickles::{exception, text};
use crate::support::server::{Action, Script, Server};

/// Enters, and returns what was traced, without times.
fn traced(script: Script) -> Vec<String> {
    let (server, tracing) = (Server::start(script), Tracing::default());
    ConfLine::new(&server.address).with_password().enter_for(&tracing);
    let lines = tracing.0.into_inner();
    lines.iter().map(|line| without_time(line).replace(&server.address, "ADDRESS")).collect()
}

fn without_time(line: &str) -> &str {
    line.rsplit_once(" (after ").map_or(line, |(words, _)| words)
}

#[test]
fn each_call_is_traced_with_its_arguments_and_its_answer_and_no_proof_of_the_password() {
    assert_eq!(
        traced(Script::new().with_password()),
        [
            "the server announced Z3101",
            "calling getAuthProtocol()",
            "getAuthProtocol answered `digest`",
            "calling auth_get_challenge()",
            "auth_get_challenge answered 3 values",
            "calling auth_response(***)",
            "auth_response answered 1",
            "calling register(`1`, true)",
            "register answered nothing",
            "calling getExtensionMethods()",
            "getExtensionMethods answered a table of 4 entries",
            "calling get_snapshot_code()",
            "get_snapshot_code answered nothing",
            "calling enter_snapshot(`host-1001`)",
            "enter_snapshot answered nothing",
        ]
    );
}

#[test]
fn every_kind_of_answer_is_traced() {
    let reply = Action::Reply;
    for (action, words) in [
        (reply(text("user/other")), "answered `user/other`"),
        (reply(text("a\nb\x1b[31m")), "answered `a"),
        (reply(exception("exceptions.ValueError", "why")), "answered exception ValueError: why"),
        (reply(b"K\x01".to_vec()), "answered nothing usable: the answer from ADDRESS cannot be"),
        (Action::Close, "answered nothing usable: ADDRESS closed the connection"),
    ] {
        let lines = traced(Script::new().on("get_snapshot_code", action));
        let answer = format!("get_snapshot_code {words}");
        assert!(lines.iter().any(|line| line.starts_with(&answer)), "{answer} in {lines:?}");
    }
}

#[test]
fn a_long_answer_is_traced_shortened() {
    let limit = dsnap_engine::limits::MAX_SHOWN_FAULT_CHARS;
    let lines = traced(Script::new().reply("get_snapshot_code", text(&"x".repeat(200))));
    let line =
        |lines: Vec<String>| lines.into_iter().find(|it| it.contains(" answered `x")).unwrap();
    assert!(line(lines).ends_with("xxx`"));
    let long = text(&"x".repeat(2 * limit));
    let line = line(traced(Script::new().reply("get_snapshot_code", long)));
    assert!(line.len() < limit + 60 && line.ends_with("x…`"), "{line}");
}
