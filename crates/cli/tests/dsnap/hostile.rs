//! Answers of a server that means harm, or of something that is no Zope at all: each of them costs
//! its line, and neither much memory nor the run.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{Dsnap, ScriptedServer, assert_free, conf, in_parallel, site};

/// How much more memory a run may need after a hostile answer than after an ordinary one, in KiB.
const MAX_GROWTH: u64 = 32 << 10;

/// More than any client reads of an endless answer, in bytes.
const MAX_SENT: usize = 256 << 20;

/// Between two bytes of a slow answer: shorter than any limit for reading one byte.
const SLOW_PAUSE: Duration = Duration::from_millis(50);

/// What a server sends.
#[derive(Debug, Clone)]
enum Answer {
    /// This, and then the connection is closed.
    Once(String),
    /// The first part once, and then the second part without end.
    Endless(String, String),
    /// This, byte after byte, and then the last byte again and again.
    Slow(String),
}

impl Answer {
    fn send(&self, stream: &mut TcpStream) -> io::Result<()> {
        match self {
            Self::Once(bytes) => stream.write_all(bytes.as_bytes()),
            Self::Endless(begin, part) => {
                stream.write_all(begin.as_bytes())?;
                let block = part.repeat((64 << 10) / part.len() + 1);
                (0..MAX_SENT / block.len()).try_for_each(|_| stream.write_all(block.as_bytes()))
            }
            Self::Slow(bytes) => {
                let last = bytes.bytes().last();
                for byte in bytes.bytes().chain(last.into_iter().cycle().take(MAX_SENT)) {
                    stream.write_all(&[byte])?;
                    std::thread::sleep(SLOW_PAUSE);
                }
                Ok(())
            }
        }
    }
}

/// Makes an answer with this head, without the length of what follows.
fn once(head: &str, body: &str) -> Answer {
    Answer::Once(format!("{head}\r\n\r\n{body}"))
}

fn endless(begin: &str, part: &str) -> Answer {
    Answer::Endless(begin.replace('\n', "\r\n"), part.replace('\n', "\r\n"))
}

/// Makes a 200 with an XML document that is complete and as long as it says.
fn xml(body: &str) -> Answer {
    let length = body.len();
    once(&format!("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {length}"), body)
}

/// Makes the document of a fault.
fn fault(words: &str) -> Answer {
    xml(&format!(
        "<methodResponse><fault><value><struct><member><name>faultString</name><value><string>{words}</string></value></member></struct></value></fault></methodResponse>"
    ))
}

/// As often as this text fits into the largest document that is read.
fn filled(text: &str) -> String {
    text.repeat(((1 << 20) - 400) / text.len())
}

const XML_HEAD: &str = "HTTP/1.1 200 OK\nContent-Type: text/xml\n";

/// Heads that never end, are too large, or are no heads.
fn heads() -> Vec<(&'static str, Answer)> {
    let mut many_headers = "HTTP/1.1 200 OK".to_owned();
    (0..5000).for_each(|at| write!(many_headers, "\r\nX-{at}: y").unwrap());
    vec![
        ("nothing", Answer::Once(String::new())),
        ("half a head", Answer::Once("HTTP/1.1 200 OK\r\nContent-Type: te".to_owned())),
        ("no HTTP", Answer::Once("SSH-2.0-OpenSSH_9.2\r\n".to_owned())),
        ("HTTP/0.9", Answer::Once("<html>hello</html>".to_owned())),
        ("HTTP/2", Answer::Once("\0\0\u{12}\u{4}\0\0\0\0\0\0\u{3}\0\0\0\u{64}".to_owned())),
        ("an endless status", endless("HTTP/1.1 200 ", "x")),
        ("an endless name of a header", endless("HTTP/1.1 200 OK\n", "x")),
        ("an endless header", endless("HTTP/1.1 200 OK\nX: ", "x")),
        ("endless headers", endless("HTTP/1.1 200 OK\n", "X: y\n")),
        ("many headers", once(&many_headers, "")),
        ("a large header", once(&format!("HTTP/1.1 200 OK\r\nX: {}", filled("x")), "")),
        ("endless interim answers", endless("", "HTTP/1.1 100 Continue\n\n")),
        ("endless zeros", endless("\0", "\0")),
        ("endless empty lines", endless("\n", "\n")),
        ("an endless redirect", endless("HTTP/1.1 302 Found\nLocation: http://", "x")),
        ("a slow head", Answer::Slow("HTTP/1.1 200 OK\r\nX: y".to_owned())),
    ]
}

/// Bodies that never end, or whose length is wrong.
fn bodies() -> Vec<(&'static str, Answer)> {
    let with = |headers: &str| format!("{XML_HEAD}{headers}\n\n");
    let sent = |headers: &str, body: &str| {
        Answer::Once(format!("{}{body}", with(headers)).replace('\n', "\r\n"))
    };
    let chunked = "Transfer-Encoding: chunked";
    vec![
        ("an endless body", endless(&format!("{XML_HEAD}\n"), "<a/>")),
        ("a huge length", endless(&with("Content-Length: 9223372036854775807"), "<a/>")),
        ("a length beyond all numbers", sent("Content-Length: 99999999999999999999999", "<a/>")),
        ("a negative length", sent("Content-Length: -1", "<a/>")),
        ("two lengths", sent("Content-Length: 4\nContent-Length: 5", "<a/>")),
        ("too short a length", sent("Content-Length: 4", "<a/><a/>")),
        ("too long a length", sent("Content-Length: 400", "<a/>")),
        ("a length and chunks", sent(&format!("Content-Length: 4\n{chunked}"), "4\n<a/>\n0\n\n")),
        ("endless chunks", endless(&with(chunked), "4\n<a/>\n")),
        ("a huge chunk", endless(&format!("{}7fffffffffffffff\n", with(chunked)), "<a/>")),
        ("a chunk beyond all numbers", sent(chunked, "ffffffffffffffffffff\n<a/>")),
        ("an endless chunk extension", endless(&format!("{}4;", with(chunked)), "x")),
        ("endless trailers", endless(&format!("{}0\n", with(chunked)), "X: y\n")),
        ("endless compression", endless(&with("Content-Encoding: gzip"), "\u{1f}\u{8}\0")),
        ("compressed chunks", endless(&with("Transfer-Encoding: gzip, chunked"), "4\n<a/>\n")),
        ("a slow body", Answer::Slow(format!("{XML_HEAD}\n<methodResponse>"))),
    ]
}

/// Documents that need more memory than they have bytes.
fn documents() -> Vec<(&'static str, Answer)> {
    let entities: String =
        ('b'..='z').fold("<!ENTITY a 'aaaaaaaa'>".to_owned(), |entities, name| {
            let before = char::from_u32(u32::from(name) - 1).unwrap();
            format!("{entities}<!ENTITY {name} '{}'>", format!("&{before};").repeat(10))
        });
    vec![
        ("deep elements", fault(&filled("<array><data><value>"))),
        ("many elements", fault(&filled("<a/>"))),
        (
            "many members",
            fault(&filled("</string></value></member><member><name>x</name><value><string>")),
        ),
        ("many attributes", fault(&format!("<a {}/>", filled("x='y' ")))),
        (
            "entities of entities",
            xml(&format!("<!DOCTYPE x [{entities}]><methodResponse>&z;</methodResponse>")),
        ),
        ("escapes of escapes", fault(&filled("&amp;amp;amp;%2525\\\\x41"))),
        ("the password again and again", fault(&filled("adminpass"))),
    ]
}

#[test]
fn each_of_39_hostile_answers_costs_its_line_and_less_than_32_mib() {
    let normal = memory_after(None).1;
    let answers: Vec<_> = [heads(), bodies(), documents()].concat();
    assert_eq!(answers.len(), 39);
    in_parallel(answers, |(name, answer)| {
        let (stderr, memory) = memory_after(Some(answer));
        assert!(memory < normal + MAX_GROWTH, "{name}: {memory} KiB, ordinarily {normal}");
        assert!(stderr.len() < 10_000, "{name}: {} bytes of messages", stderr.len());
        assert!(!stderr.contains("adminpass"), "{name}: {stderr}");
    });
}

/// Runs with a line whose server gives this answer, and a good line after it. Returns what it said,
/// and the most memory that it had until COMMAND ran, in KiB.
fn memory_after(answer: Option<Answer>) -> (String, u64) {
    let site = site();
    let server = answer.map(|answer| ScriptedServer::start(move |_, stream| answer.send(stream)));
    let line = server.iter().map(|server| format!("http {} access timeout=2\n", server.url()));
    conf(&site, &format!("{}http URL access\n", line.collect::<String>()));
    let ran = Dsnap::at(&site).arg("-v").sh("grep VmHWM /proc/$PPID/status").run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    assert_free(&site);
    let memory = ran.stdout.split_whitespace().nth(1).and_then(|kib| kib.parse().ok());
    (ran.stderr, memory.unwrap_or_else(|| panic!("no VmHWM in {}", ran.stdout)))
}
