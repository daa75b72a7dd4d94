//! Requests to a simulated Zope, and the connections that carry them.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use dsnap_testkit::Site;

pub(crate) const ADMIN: &str = "Authorization: Basic YWRtaW46YWRtaW5wYXNz\n";
pub(crate) const XML: &str = "Content-Type: text/xml\n";

pub(crate) fn site() -> Site {
    Site::builder().start().unwrap()
}

/// Sends a request to the first Zope, and reads the answer until the server closes.
pub(crate) fn exchange(site: &Site, head: &str, body: &str) -> String {
    exchange_with(site, 0, head, body)
}

fn exchange_with(site: &Site, zope: usize, head: &str, body: &str) -> String {
    let url = &site.urls()[zope];
    let address = url.trim_start_matches("http://").trim_end_matches("/DSToolkit");
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("{head}Host: {address}\nConnection: close\n\n{body}");
    let (head, body) = request.split_once("\n\n").unwrap();
    write!(stream, "{}\r\n\r\n{body}", head.replace('\n', "\r\n")).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap().replace(address, "ADDRESS");
    let storage = site.path().to_str().unwrap();
    answer.replace("\r\n", "\n").replace(storage, "$STORAGE_DIR")
}

pub(crate) fn post(site: &Site, headers: &str, body: &str) -> String {
    let length = body.len();
    exchange(site, &format!("POST /DSToolkit HTTP/1.1\n{headers}Content-Length: {length}\n"), body)
}

pub(crate) fn body_of(method: &str, code: Option<&str>) -> String {
    let param = code.map_or_else(String::new, |code| {
        format!("<param>\n<value><string>{code}</string></value>\n</param>\n")
    });
    format!(
        "<?xml version='1.0'?>\n<methodCall>\n<methodName>{method}</methodName>\n<params>\n{param}</params>\n</methodCall>\n"
    )
}

pub(crate) fn call(site: &Site, method: &str, code: Option<&str>) -> String {
    post(site, &format!("{ADMIN}{XML}"), &body_of(method, code))
}

/// Calls the Zope with this number.
pub(crate) fn call_at(site: &Site, zope: usize, method: &str, code: Option<&str>) -> String {
    let body = body_of(method, code);
    let length = body.len();
    let head = format!("POST /DSToolkit HTTP/1.1\n{ADMIN}{XML}Content-Length: {length}\n");
    exchange_with(site, zope, &head, &body)
}

/// A connection to a Zope, which may stay open.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects to the first Zope of the site.
    pub(crate) fn to(site: &Site) -> Self {
        let url = &site.urls()[0];
        let address = url.trim_start_matches("http://").trim_end_matches("/DSToolkit");
        Self { stream: BufReader::new(TcpStream::connect(address).unwrap()) }
    }

    pub(crate) fn send(&mut self, bytes: &str) {
        self.stream.get_mut().write_all(bytes.as_bytes()).unwrap();
    }

    /// Reads one answer, unless the Zope closes the connection before it.
    pub(crate) fn try_answer(&mut self) -> Option<(String, String)> {
        match self.stream.fill_buf() {
            Ok([]) | Err(_) => None,
            Ok(_) => Some(self.answer()),
        }
    }

    /// Reads one answer: the lines of its head, and a body of the announced length.
    pub(crate) fn answer(&mut self) -> (String, String) {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            let read = self.stream.read_line(&mut line).unwrap();
            assert_ne!(read, 0, "the Zope closed the connection: {head}");
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

    /// Tells whether the Zope answers another request on this connection.
    pub(crate) fn is_open(&mut self) -> bool {
        // Writing to a closed connection may already fail.
        if self.stream.get_mut().write_all(status_request("HTTP/1.1", "").as_bytes()).is_err() {
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

/// Returns a request for the code.
pub(crate) fn status_request(version: &str, headers: &str) -> String {
    request_with(version, headers, &body_of("currentSnapshotCode", None))
}

/// Returns a request that calls a method.
pub(crate) fn request(method: &str, code: Option<&str>) -> String {
    request_with("HTTP/1.1", "", &body_of(method, code))
}

fn request_with(version: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    let head =
        format!("POST /DSToolkit {version}\n{ADMIN}{XML}{headers}Content-Length: {length}\n\n");
    format!("{}{body}", head.replace('\n', "\r\n"))
}

/// Waits until a condition holds, and fails after a minute.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < end, "after a minute still not: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
