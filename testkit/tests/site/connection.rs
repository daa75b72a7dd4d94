//! One connection to a simulated Zope, which may stay open; and what a client may do with it.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;

use dsnap_testkit::Site;

use crate::answers::{ADMIN, XML, body_of};

/// A connection.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// To the first Zope of the site.
    pub(crate) fn to(site: &Site) -> Self {
        let url = &site.urls()[0];
        let address = url.trim_start_matches("http://").trim_end_matches("/DSToolkit");
        Self { stream: BufReader::new(TcpStream::connect(address).unwrap()) }
    }

    pub(crate) fn send(&mut self, bytes: &str) {
        self.stream.get_mut().write_all(bytes.as_bytes()).unwrap();
    }

    /// One answer: the lines of its head, and as much of a body as it says.
    pub(crate) fn answer(&mut self) -> (String, String) {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            let read = self.stream.read_line(&mut line).unwrap();
            assert_ne!(read, 0, "it closed: {head}");
            let line = line.trim_end_matches("\r\n");
            if line.is_empty() {
                break;
            }
            length = line.strip_prefix("Content-Length: ").map_or(length, |n| n.parse().unwrap());
            head += line;
            head += "\n";
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    /// Whether another request is answered here. A connection that is closed is seen to end.
    pub(crate) fn is_open(&mut self) -> bool {
        // One that was closed may be noticed while writing already.
        if self.stream.get_mut().write_all(request("HTTP/1.1", "").as_bytes()).is_err() {
            return false;
        }
        match self.stream.fill_buf() {
            Ok([]) => false,
            Ok(_) => self.answer().0.starts_with("HTTP/1.1 "),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A question for the code.
fn request(version: &str, headers: &str) -> String {
    let body = body_of("currentSnapshotCode", None);
    let length = body.len();
    let head =
        format!("POST /DSToolkit {version}\n{ADMIN}{XML}{headers}Content-Length: {length}\n\n");
    format!("{}{body}", head.replace('\n', "\r\n"))
}

/// A call of a method with a code.
fn call(method: &str, code: &str) -> String {
    let body = body_of(method, Some(code));
    let head = format!(
        "POST /DSToolkit HTTP/1.1\nHost: zope\n{ADMIN}{XML}Content-Length: {}\n\n",
        body.len()
    );
    format!("{}{body}", head.replace('\n', "\r\n"))
}

fn site() -> Site {
    Site::builder().start().unwrap()
}

/// The headers that tell of the connection.
fn told(head: &str) -> Vec<&str> {
    head.lines().filter(|line| line.to_ascii_lowercase().starts_with("connection")).collect()
}

#[test]
fn a_newer_client_that_does_not_ask_to_close_keeps_its_connection_d33() {
    let site = site();
    let mut connection = Connection::to(&site);
    for code in ["one", "two"] {
        for method in ["enterSnapshot", "leaveSnapshot"] {
            connection.send(&call(method, code));
            let (head, _) = connection.answer();
            assert!(head.starts_with("HTTP/1.1 200 OK\n"), "{head}");
            assert_eq!(told(&head), [""; 0]);
        }
        site.server().unwrap().wait_until_free();
    }
    assert!(connection.is_open());
}

#[test]
fn whoever_asks_to_close_in_any_case_is_told_and_the_connection_closes_d33() {
    for word in ["close", "Close"] {
        let site = site();
        let mut connection = Connection::to(&site);
        connection.send(&request("HTTP/1.1", &format!("Connection: {word}\n")));
        assert_eq!(told(&connection.answer().0), ["Connection: close"]);
        assert!(!connection.is_open());
    }
}

#[test]
fn an_older_clients_connection_closes_even_if_it_asks_to_keep_it_d32() {
    for headers in ["", "Connection: keep-alive\n", "Connection: Keep-Alive\n"] {
        let site = site();
        let mut connection = Connection::to(&site);
        connection.send(&request("HTTP/1.0", headers));
        assert_eq!(told(&connection.answer().0), ["Connection: close"], "{headers}");
        assert!(!connection.is_open(), "{headers}");
    }
}

#[test]
fn a_chunked_request_is_not_understood_and_the_connection_closes_whatever_was_asked_d39() {
    for headers in ["", "Connection: close\r\n"] {
        let site = site();
        let mut connection = Connection::to(&site);
        connection.send(&format!(
            "POST /DSToolkit HTTP/1.1\r\n{headers}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
        ));
        let (head, _) = connection.answer();
        assert!(head.starts_with("HTTP/1.0 400 Bad Request\n"), "{head}");
        assert!(!connection.is_open(), "{headers}");
    }
}

#[test]
fn calls_that_are_sent_at_once_are_answered_in_order_d43() {
    let site = site();
    let mut connection = Connection::to(&site);
    let question = request("HTTP/1.1", "");
    let enter = call("enterSnapshot", "x");
    connection
        .send(&[&question, &enter, &question, &enter, &question].map(String::as_str).concat());
    let bodies: Vec<_> = (0..5).map(|_| connection.answer().1).collect();
    let says = |at: usize, words: &str| assert!(bodies[at].contains(words), "{bodies:?}");
    says(0, "<nil/>");
    says(1, "<nil/>");
    says(2, "<string>user/x</string>");
    says(3, "already in use by 'user/x'");
    says(4, "<string>user/x</string>");
}
