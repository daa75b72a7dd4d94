//! The exchanges that were recorded in full with a real Zope, played again: the same requests,
//! byte for byte; the same answers, headers in their order, but for the date; the same state of
//! the connection and of the storage afterwards.

use std::fs;

use dsnap_engine::system::flock::FileLock;
use dsnap_engine::system::lock_holders::is_held;
use dsnap_testkit::Site;

use crate::connection::Connection;

/// One exchange: the request, then the answer, then what was seen afterwards.
struct Recorded {
    name: &'static str,
    text: &'static str,
    /// What brings the storage into the state of the recording.
    before: fn(&Site),
}

/// In a snapshot under the code of the recordings.
fn entered(site: &Site) {
    site.server().unwrap().enter("host-1001").unwrap();
}

fn as_it_is(_: &Site) {}

macro_rules! recorded {
    ($name:literal, $before:expr) => {
        Recorded {
            name: $name,
            text: include_str!(concat!("recorded/", $name, ".txt")),
            before: $before,
        }
    };
}

const EXCHANGES: [Recorded; 16] = [
    recorded!("D1", as_it_is),
    recorded!("D2", entered),
    recorded!("D4", entered),
    recorded!("D5", entered),
    recorded!("D7", entered),
    recorded!("D9", as_it_is),
    recorded!("D10", as_it_is),
    recorded!("D14", as_it_is),
    recorded!("D17", as_it_is),
    recorded!("D19", as_it_is),
    recorded!("D25", as_it_is),
    recorded!("D30", as_it_is),
    recorded!("D37", as_it_is),
    recorded!("D39", as_it_is),
    recorded!("G1", |site| site.stop_server().unwrap()),
    recorded!("B1", entered),
];

#[test]
fn every_exchange_that_was_recorded_in_full_is_answered_the_same() {
    for recorded in EXCHANGES {
        let site = Site::builder().debug_mode(recorded.name.starts_with('B')).start().unwrap();
        (recorded.before)(&site);
        // The recorder itself held it while it asked.
        let tool = (recorded.name == "D5").then(|| FileLock::take(&site.storage().sublock()));
        recorded.play(&site);
        drop(tool);
    }
}

impl Recorded {
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

/// Paths as the recordings show them.
fn shown(site: &Site, text: &str) -> String {
    text.replace(site.path().to_str().unwrap(), "$STORAGE_DIR").replace("/srv/zope213", "$DIR")
}

fn without_date(head: &str) -> Vec<String> {
    let lines = head.lines().filter(|line| !line.starts_with("Date: "));
    lines.map(str::to_owned).collect()
}

/// The recorded ones; where the storage's path stands in the body, its length is another.
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

/// A request with line ends as HTTP wants them in its head, and around chunks.
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
