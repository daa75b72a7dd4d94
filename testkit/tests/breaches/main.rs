//! A linked method can do what no script does: each breach is found and named in one sentence.
//!
//! One test, because the suite looks at the whole process: its stdout, folder, signals, group.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "a process is left behind")]

#[path = "../support/codes.rs"]
mod codes;
mod support;

use std::env;
use std::sync::{Arc, Mutex};

use dsnap_core::method::Methods;
use dsnap_host::Registry;
use support::{Forgetful, Lost, Rude, assert_breaches, breaches_of};

#[test]
fn every_breach_is_found_and_named() {
    let left = Arc::new(Mutex::new(None));
    let rude = || Box::new(Registry::new("").with(Rude(Arc::clone(&left)))) as Box<dyn Methods>;
    let found = breaches_of("rude {control}", &rude);
    let child = left.lock().unwrap().take();
    let pid = child.as_ref().unwrap().id();
    if let Some(mut child) = child {
        drop(child.stdin.take());
        child.wait().unwrap();
    }
    let folder = env::current_dir().unwrap();
    assert_eq!(
        found,
        [
            "messages and reasons are single lines: enter sent a text of more than one line: `one\u{fffd}two`".to_owned(),
            "nothing is printed on stdout: enter printed on stdout: `hello\u{fffd}`".to_owned(),
            format!("the working directory does not change: enter changed the working directory from {} to /", folder.display()),
            "signal handling does not change: enter changed the handling of signal 12".to_owned(),
            format!("no process is left in the process group: enter left the process `cat` (pid {pid}) running"),
        ]
    );
    let forgetful = || Box::new(Registry::new("").with(Forgetful::default())) as Box<dyn Methods>;
    let odd = "x'\"$(exit)&lt;<b>*?[a-z]%41;\\`~{}|!#";
    let sent = odd.replace('<', "&lt;");
    let expected = [
        "status of a storage in a snapshot returns its code, or cannot tell: status returned could enter, but misc/snapshot contains user/CODE",
        &format!(
            "enter uses every valid code unchanged: enter under {odd} returned held, but misc/snapshot contains user/{sent}"
        ),
        "leave does not depend on what enter remembered: leave returned left, but misc/snapshot contains user/CODE",
        "leave does not return left if the server crashed meanwhile: leave returned left after the server crashed, but misc/snapshot contains user/CODE: it must return unavailable",
        "enter returns busy during another snapshot or a pack: enter returned failed (busy the storage is in use by user/CODE) instead of busy, while misc/snapshot contains user/CODE",
        "enter returns unavailable while no server runs: enter returned failed (gone no server has the storage open) instead of unavailable, while no server runs",
        "status does not report a storage in use as free: status returned could enter, but misc/snapshot contains packing",
        "enter returns unknown, in time, if no answer comes: enter returned failed () after 2.0 s without an answer, but the server may still enter: it must return unknown",
        "every call returns within its time limit: enter took ",
        "messages and reasons are single lines: enter gave no reason for a result that needs one",
    ];
    assert_breaches(&breaches_of("forgetful {control}", &forgetful), &expected);
    let lost = || Box::new(Registry::new("").with(Lost)) as Box<dyn Methods>;
    let expected = [
        "the name is valid and matches the line: the name `Lost` is not valid on a line: it must be a-z, then a-z, 0-9 or _",
        "status of an open storage returns unavailable, or cannot tell: status returned held by user/x, but a server has the storage open",
        "enter of an open storage returns unavailable: enter changed a storage that a server has open: misc/snapshot is new",
        "status of a closed storage changes nothing: status of a closed storage returned held by user/x",
        "enter of a crashed storage returns done, and the files confirm it: enter returned done, but A/ is not a snapshot: ",
        "enter returns busy while another process holds misc/sublock: enter returned done, but another process holds misc/sublock",
        "asked to stop, enter returns within 20 s and can be repeated: enter returned done, but A/ is not a snapshot: ",
        "leave returns left: there is nothing to leave: leave panicked",
    ];
    assert_breaches(&breaches_of("Lost", &lost), &expected);
}
