//! Answers of a Zope, or of whatever answers in its place.

use dsnap_core::method::{Entered, Left, Request, Status};
use dsnap_http::fuzzing::{GivenResponse, GivenServer};

use super::outcome::{Outcome, check};
use super::storage::{CODE, code, request};
use crate::shown::check_secrets;
use crate::target::Target;

pub(crate) const TARGET: Target = Target {
    name: "xml_rpc",
    property: "answers of a Zope: only good ones enter or leave, and no message repeats a secret",
    check: check_bytes,
    longest: 4096,
};

/// The account, whose password is also looked for in Base64.
const ACCOUNT: (&str, &str) = ("admin", "adminpass");
const SECRETS: [&str; 3] = ["adminpass", "YWRtaW46YWRtaW5wYXNz", "YWRtaW5wYXNz"];

/// Between two responses.
const SEPARATOR: &[u8] = b"\n--\n";

/// The first byte is the verb; then come the responses. The first line of each is
/// `STATUS|CONTENT-TYPE|ENCODING|LOCATION`, the rest its body.
fn check_bytes(bytes: &[u8]) {
    let Some((verb, rest)) = bytes.split_first() else { return };
    let code = code();
    let dir = std::path::Path::new("/srv/ds");
    let request = Request { snapshot_seen: *verb == b'S', ..request(dir, &[], &code) };
    let responses: Vec<_> = split(rest, SEPARATOR).into_iter().map(response).collect();
    let server = GivenServer::new(&request, ACCOUNT, responses.clone());
    let outcome = match verb {
        b'e' => entered(server.enter(), &server, &responses),
        b'l' | b'S' => left(server.leave(), &server, &responses, request.snapshot_seen),
        _ => looked(server.status(), &server),
    };
    check(&outcome, |text| check_secrets(text, &SECRETS));
    assert!(server.calls().len() <= 5, "{:?}", server.calls());
}

/// A snapshot is entered only if the question and the enter, or a question after it, had a good answer.
fn entered(result: Entered, server: &GivenServer<'_>, responses: &[GivenResponse]) -> Outcome {
    let calls = server.calls();
    let good = |call: usize| responses.get(call).is_some_and(is_good);
    for (at, method) in calls.iter().enumerate() {
        match *method {
            "enterSnapshot" => assert!(at == 1 && good(0), "entered without a question"),
            "leaveSnapshot" => assert!(says_ours(&responses[at - 1]), "left a snapshot of others"),
            _ => {}
        }
    }
    match result {
        Entered::Held => {
            let settled = (1..calls.len()).any(|call| responses.get(call).is_some_and(says_ours));
            assert!(good(0) && (good(1) || settled), "entered by {responses:?}");
            Outcome::Good
        }
        Entered::Done => panic!("a Zope never closes its storage"),
        other => Outcome::of_entered(other),
    }
}

/// A leave is sent only if the server is known to be in our snapshot.
fn left(
    result: Left,
    server: &GivenServer<'_>,
    responses: &[GivenResponse],
    seen: bool,
) -> Outcome {
    let calls = server.calls();
    for (at, _) in calls.iter().enumerate().filter(|(_, method)| **method == "leaveSnapshot") {
        assert!(seen || responses.get(at - 1).is_some_and(says_ours), "left a snapshot of others");
    }
    if result == Left::Left {
        let answered = &responses[..calls.len().min(responses.len())];
        assert!(answered.iter().any(is_good), "left by {answered:?}");
    }
    Outcome::of_left(result)
}

fn looked(result: Status, server: &GivenServer<'_>) -> Outcome {
    assert_eq!(server.calls(), ["currentSnapshotCode"]);
    Outcome::of_status(result)
}

/// Says whether a response can be an answer of a toolkit.
fn is_good(response: &GivenResponse) -> bool {
    let GivenResponse { status, content_type, body, .. } = response;
    let has = |words: &[u8]| body.windows(words.len()).any(|it| it == words);
    *status == 200 && content_type.to_ascii_lowercase().contains("xml") && has(b"methodResponse")
}

/// Says whether a response can say that our snapshot is the current one. A document can write the code in
/// other ways: characters as numbers, or in pieces.
fn says_ours(response: &GivenResponse) -> bool {
    let body = response.body.strip_prefix(b"<?").unwrap_or(&response.body);
    let has = |words: &[u8]| body.windows(words.len()).any(|it| it == words);
    let is_spelled = [b"&#", b"<!", b"<?"].iter().any(|sign| has(*sign));
    is_good(response) && (has(CODE.as_bytes()) || is_spelled)
}

fn response(bytes: &[u8]) -> GivenResponse {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut fields = head.split('|').map(str::to_owned);
    let mut field = || fields.next().unwrap_or_default();
    GivenResponse {
        status: field().parse().unwrap_or(0),
        content_type: field(),
        encoding: field(),
        location: field().into_bytes(),
        body: bytes.get(end + 1..).unwrap_or_default().to_vec(),
    }
}

/// Splits bytes at each separator.
pub(crate) fn split<'b>(bytes: &'b [u8], separator: &[u8]) -> Vec<&'b [u8]> {
    let (mut parts, mut rest) = (Vec::new(), bytes);
    while let Some(at) = rest.windows(separator.len()).position(|it| it == separator) {
        parts.push(&rest[..at]);
        rest = &rest[at + separator.len()..];
    }
    parts.push(rest);
    parts
}
