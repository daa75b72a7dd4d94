//! A method that panics in the function that its line names: `panics enter`, `panics leave`,
//! `panics status` or `panics words`.
//!
//! A second word `silently` makes the panic carry no message. Any other second word is the port of a
//! Zope on this machine, which the method enters. A third word is a password, so messages name such a
//! line by its first two. With `PANICS_IN_ITS_NAME` in the environment the method already panics
//! while the library's table is made.
//!
//! The vices that need C are in `testkit/c/villain.c`.
#![allow(clippy::panic, reason = "panicking is its purpose")]

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::panic::panic_any;

use dsnap_sdk::{CheckedLine, Entered, Left, Reason, Request, SnapshotMethod, Status};

#[derive(Debug)]
struct Panics;

impl SnapshotMethod for Panics {
    #[allow(clippy::disallowed_methods, reason = "`name` gets no request that could say so")]
    fn name(&self) -> &str {
        assert!(std::env::var_os("PANICS_IN_ITS_NAME").is_none(), "no name");
        "panics"
    }

    fn check_words(&self, words: &[OsString]) -> Result<CheckedLine, Reason> {
        panic_at("words", words);
        let line = CheckedLine::of(words);
        Ok(match words {
            [at, port, _password] => {
                line.with_label(format!("{} {}", at.display(), port.display()))
            }
            _ => line,
        })
    }

    fn enter(&self, request: &Request<'_>) -> Entered {
        panic_at("enter", request.words);
        match request.words {
            [likely] if likely == "likely" => {
                let time = request.leave_time;
                Entered::LikelyFailed(Reason::new(format!("most likely not, {time:?} to leave")))
            }
            [_, port] | [_, port, _] => enter_at(port, request.code.as_str()),
            _ => Entered::Held,
        }
    }

    fn leave(&self, request: &Request<'_>) -> Left {
        panic_at("leave", request.words);
        match request.words {
            [notes, _] if notes == "notes" => {
                let seen = format!("snapshot_seen: {}", request.snapshot_seen);
                let written = std::fs::write(request.storage.join("noted"), seen);
                Left::Failed(Reason::new(format!("noted: {written:?}")))
            }
            _ => Left::Left,
        }
    }

    fn status(&self, request: &Request<'_>) -> Status {
        panic_at("status", request.words);
        Status::CannotTell
    }
}

/// Enters a snapshot as the method `http` does.
fn enter_at(port: &OsString, code: &str) -> Entered {
    let body = format!(
        "<?xml version='1.0'?><methodCall><methodName>enterSnapshot</methodName><params><param><value><string>{code}</string></value></param></params></methodCall>"
    );
    let mut answer = String::new();
    let asked = TcpStream::connect(format!("127.0.0.1:{}", port.display())).and_then(|mut zope| {
        write!(zope, "POST /DSToolkit HTTP/1.0\r\nAuthorization: Basic YWRtaW46YWRtaW5wYXNz\r\n")?;
        write!(zope, "Content-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
        zope.read_to_string(&mut answer)
    });
    match asked {
        Ok(_) if answer.contains("<nil") => Entered::Held,
        other => Entered::Failed(Reason::new(format!("{other:?} {answer}"))),
    }
}

fn panic_at(verb: &str, words: &[OsString]) {
    match words {
        [at, how] if at == verb && how == "silently" => panic_any(7),
        [at, ..] if at == verb => panic!("no way to {verb}\nand more about it"),
        _ => {}
    }
}

dsnap_sdk::export!(Panics);
