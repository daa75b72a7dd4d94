//! Exchanges that were recorded in full with a real Zope, played again: the requests byte for byte,
//! the answers byte for byte except for the date, and the state of the connection and of the
//! storage afterwards.

use std::fs;

use dsnap_engine::system::flock::FileLock;
use dsnap_engine::system::lock_holders::is_held;
use dsnap_testkit::Site;
use dsnap_testkit::site::ZopeVersion::{self, Zope2, Zope5};

use crate::parallel::in_parallel;
use crate::support::Connection;

/// One exchange: the request, the answer, and the state afterwards.
struct Recorded {
    name: &'static str,
    text: &'static str,
    /// Brings the storage into the state of the recording.
    before: fn(&Site),
}

/// Enters a snapshot under the code of the recordings.
fn entered(site: &Site) {
    site.server().unwrap().enter("host-1001").unwrap();
}

fn unchanged(_: &Site) {}

macro_rules! recorded {
    ($name:literal, $before:expr) => {
        recorded!("", $name, $before)
    };
    ($folder:literal, $name:literal, $before:expr) => {
        Recorded {
            name: $name,
            text: include_str!(concat!("recorded/", $folder, $name, ".txt")),
            before: $before,
        }
    };
}

const EXCHANGES: [Recorded; 16] = [
    recorded!("D1", unchanged),
    recorded!("D2", entered),
    recorded!("D4", entered),
    recorded!("D5", entered),
    recorded!("D7", entered),
    recorded!("D9", unchanged),
    recorded!("D10", unchanged),
    recorded!("D14", unchanged),
    recorded!("D17", unchanged),
    recorded!("D19", unchanged),
    recorded!("D25", unchanged),
    recorded!("D30", unchanged),
    recorded!("D37", unchanged),
    recorded!("D39", unchanged),
    recorded!("G1", |site| site.stop_server().unwrap()),
    recorded!("B1", entered),
];

/// The same requests to Zope 5.14.2. `D2-off` was recorded from Zope 6.3 with XML-RPC off.
const EXCHANGES_WITH_ZOPE_5: [Recorded; 18] = [
    recorded!("zope5/", "D1", unchanged),
    recorded!("zope5/", "D2", entered),
    recorded!("zope5/", "D2-off", unchanged),
    recorded!("zope5/", "D4", entered),
    recorded!("zope5/", "D5", entered),
    recorded!("zope5/", "D7", entered),
    recorded!("zope5/", "D9", unchanged),
    recorded!("zope5/", "D10", unchanged),
    recorded!("zope5/", "D14", unchanged),
    recorded!("zope5/", "D17", unchanged),
    recorded!("zope5/", "D19", unchanged),
    recorded!("zope5/", "D22", unchanged),
    recorded!("zope5/", "D24", unchanged),
    recorded!("zope5/", "D25", unchanged),
    recorded!("zope5/", "D30", unchanged),
    recorded!("zope5/", "D31", unchanged),
    recorded!("zope5/", "D37", unchanged),
    recorded!("zope5/", "D39", unchanged),
];

#[test]
fn every_recorded_request_gets_the_recorded_answer() {
    in_parallel(EXCHANGES, |recorded| recorded.play_with(Zope2));
}

#[test]
fn every_request_recorded_with_zope_5_gets_the_recorded_answer() {
    in_parallel(EXCHANGES_WITH_ZOPE_5, |recorded| recorded.play_with(Zope5));
}

impl Recorded {
    /// Plays the exchange with a site in the state of the recording.
    #[track_caller]
    fn play_with(&self, version: ZopeVersion) {
        let site = Site::builder().answers(version).debug_mode(self.name.starts_with('B'));
        let site = site.xmlrpc(!self.name.ends_with("-off")).start().unwrap();
        (self.before)(&site);
        // The recorder itself held the lock during the call.
        let tool = (self.name == "D5").then(|| FileLock::take(&site.storage().sublock()));
        self.play(&site);
        drop(tool);
    }

    #[track_caller]
    fn play(&self, site: &Site) {
        let name = self.name;
        let (request, rest) = self.text.split_once("=== answer\n").unwrap();
        let (answer, afterwards) = rest.split_once("=== ").unwrap();
        let mut connection = Connection::to(site);
        connection.send(&bytes_of(request));
        let (head, body) = connection.answer();
        let (known_head, known_body) = answer.split_once("\n\n").unwrap();
        let feed = !afterwards.contains("without a line feed");
        let known_body = if feed { known_body } else { known_body.trim_end_matches('\n') };
        let found = body.replace("\r\n", "\n");
        assert_eq!(shown(site, &found), known_body, "{name}");
        assert_eq!(without_date(&head), known_headers(site, known_head, known_body), "{name}");
        assert_state(site, name, afterwards);
        let open = afterwards.contains("connection stayed open");
        assert_eq!(connection.is_open(), open, "{name}");
    }
}

/// Replaces paths as the recordings do.
fn shown(site: &Site, text: &str) -> String {
    text.replace(site.path().to_str().unwrap(), "$STORAGE_DIR").replace("/srv/zope213", "$DIR")
}

fn without_date(head: &str) -> Vec<String> {
    let lines = head.lines().filter(|line| !line.starts_with("Date: "));
    lines.map(str::to_owned).collect()
}

/// Returns the recorded headers, with the length that the body has with this storage's path.
fn known_headers(site: &Site, head: &str, body: &str) -> Vec<String> {
    let path = site.path().to_str().unwrap();
    let length = |line: &String| line.starts_with("Content-Length: ");
    let mut head = without_date(head);
    if body.contains("$STORAGE_DIR") {
        let at = head.iter().position(length).unwrap();
        head[at] = format!("Content-Length: {}", body.replace("$STORAGE_DIR", path).len());
    }
    head
}

#[track_caller]
fn assert_state(site: &Site, name: &str, afterwards: &str) {
    let state = match fs::read_to_string(site.storage().snapshot()) {
        Ok(code) => format!("misc/snapshot holds `{code}`"),
        Err(_) => "misc/snapshot absent".to_owned(),
    };
    let sublock = if is_held(&site.storage().sublock()) { "locked" } else { "free" };
    let state = format!("Afterwards: {state}; misc/sublock {sublock}.");
    assert!(afterwards.trim_end().ends_with(&state), "{name}: {state}");
}

/// Returns a request with the line ends that HTTP requires in its head and around chunks.
fn bytes_of(request: &str) -> String {
    let (head, body) = request.split_once("\n\n").unwrap();
    let head = head.replace('\n', "\r\n");
    if !head.contains("chunked") {
        return format!("{head}\r\n\r\n{body}");
    }
    let (size, rest) = body.split_once('\n').unwrap();
    let (chunk, end) = rest.split_at(usize::from_str_radix(size, 16).unwrap());
    format!("{head}\r\n\r\n{size}\r\n{chunk}{}\r\n\r\n", end.trim_end().replace('\n', "\r\n"))
}
