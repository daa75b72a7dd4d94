//! What a ZEO server says, over a real socket.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use dsnap_core::method::{Entered, Left, Request, SnapshotMethod};
use dsnap_zeo::Zeo;

use super::outcome::{Outcome, check};
use super::storage::{CODE, Site, code, request};
use super::xml_rpc::split;
use crate::target::Target;

pub(crate) const TARGET: Target = Target {
    name: "zeo",
    property: "answers of a ZEO server: no snapshot call before all questions are answered",
    check: check_bytes,
    longest: 2048,
};

/// Between two messages.
const SEPARATOR: &[u8] = b"\n--\n";
/// Between what two clients hear.
const NEXT_CLIENT: &[u8] = b"\n==\n";

/// A server that says a script to each client, and remembers what it heard.
struct Server {
    site: Site,
    /// What it says to the next clients.
    scripts: Arc<Mutex<VecDeque<Vec<u8>>>>,
    heard: Receiver<Vec<u8>>,
}

thread_local! {
    static SERVER: RefCell<Option<Server>> = const { RefCell::new(None) };
}

/// What our own client says, after all others.
const LAST: &[u8] = b"last";

impl Server {
    /// Listens on a socket in a site.
    fn start() -> Self {
        let site = Site::new();
        let listener = UnixListener::bind(site.dir().join("zeo.sock")).unwrap();
        let scripts = Arc::<Mutex<VecDeque<Vec<u8>>>>::default();
        let (to_say, (hears, heard)) = (scripts.clone(), channel::<Vec<u8>>());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let script = to_say.lock().unwrap().pop_front().unwrap_or_default();
                if hears.send(talk(client, &script)).is_err() {
                    break;
                }
            }
        });
        Self { site, scripts, heard }
    }

    /// Makes a call, and returns also what it sent.
    fn during<T>(&self, scripts: &[Vec<u8>], call: impl FnOnce(&Site) -> T) -> (T, Vec<u8>) {
        *self.scripts.lock().unwrap() = scripts.iter().cloned().collect();
        let result = call(&self.site);
        // The last client gets no script.
        self.scripts.lock().unwrap().clear();
        let mut last = UnixStream::connect(self.site.dir().join("zeo.sock")).unwrap();
        last.write_all(LAST).unwrap();
        drop(last);
        let heard = std::iter::from_fn(|| self.heard.recv().ok().filter(|heard| heard != LAST));
        (result, heard.flatten().collect())
    }
}

impl Drop for Server {
    /// Ends the thread. It notices at the next client that its channel is closed.
    fn drop(&mut self) {
        let (_, nobody) = channel();
        drop(std::mem::replace(&mut self.heard, nobody));
        let _ = UnixStream::connect(self.site.dir().join("zeo.sock"));
    }
}

/// Says everything at once, then listens to the end.
fn talk(mut client: UnixStream, script: &[u8]) -> Vec<u8> {
    // A client that has heard enough closes the connection.
    let _ = client.write_all(script).and_then(|()| client.shutdown(Shutdown::Write));
    let mut heard = Vec::new();
    let _ = client.read_to_end(&mut heard);
    heard
}

/// The first byte is the verb. The second one says what follows for each client: messages, which get their lengths,
/// or bytes that are sent as they are.
fn check_bytes(bytes: &[u8]) {
    let [verb, framing, rest @ ..] = bytes else { return };
    let script = |part: &[u8]| if *framing == b'm' { framed(part) } else { part.to_vec() };
    let scripts: Vec<_> = split(rest, NEXT_CLIENT).into_iter().map(script).collect();
    let script = scripts.concat();
    SERVER.with_borrow_mut(|server| {
        let server = server.get_or_insert_with(Server::start);
        let (outcome, heard) = server.during(&scripts, |site| call(*verb, site, &script));
        let has = |words: &[u8]| heard.windows(words.len()).any(|it| it == words);
        let replies = count(&script, b".reply");
        if has(b"enter_snapshot") || has(b"leave_snapshot") {
            assert!(replies >= 3, "a snapshot call after {replies} replies");
        }
        let seen = *verb == b'S';
        if has(b"leave_snapshot") && !seen {
            assert!(count(&script, CODE.as_bytes()) > 0, "a snapshot of others was left");
        }
        check(&outcome, |_| {});
    });
}

fn call(verb: u8, site: &Site, script: &[u8]) -> Outcome {
    let (dir, code) = (site.dir(), code());
    let words: [OsString; 1] = [dir.join("zeo.sock").into()];
    let request = Request { snapshot_seen: verb == b'S', ..request(&dir, &words, &code) };
    let zeo = Zeo::default();
    match verb {
        b'e' => entered(zeo.enter(&request), script),
        b'l' | b'S' => left(zeo.leave(&request), script),
        _ => Outcome::of_status(zeo.status(&request)),
    }
}

/// Entered means: a version, the registration, the list of methods, the question, and the enter.
fn entered(result: Entered, script: &[u8]) -> Outcome {
    match result {
        Entered::Held => {
            assert!(count(script, b".reply") >= 4, "entered by {}", script.escape_ascii());
            assert!(count(script, b"enter_snapshot") > 0, "no such method was listed");
            assert!(count(script, b"Z") > 0, "no version was announced");
        }
        Entered::Done => panic!("a ZEO server never closes its storage"),
        _ => {}
    }
    Outcome::of_entered(result)
}

fn left(result: Left, script: &[u8]) -> Outcome {
    if result == Left::Left {
        assert!(count(script, b".reply") >= 3, "left by {}", script.escape_ascii());
    }
    Outcome::of_left(result)
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    let frame = |message: &&[u8]| [&(message.len() as u32).to_be_bytes(), *message].concat();
    split(bytes, SEPARATOR).iter().flat_map(frame).collect()
}

fn count(bytes: &[u8], words: &[u8]) -> usize {
    bytes.windows(words.len()).filter(|it| *it == words).count()
}
