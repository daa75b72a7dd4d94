//! A loadable snapshot method, to copy: `template HOST:PORT`.
//!
//! Its server takes one line per connection (`enter CODE`, `leave CODE` or `status`) and answers with
//! one line that begins with `ok`, `busy`, `gone` or `error`. Replace the conversation in
//! [`Server::ask`] by your own. The rest shows how a method follows the rules of
//! `docs/writing-a-method.md`.

mod server;

use std::ffi::OsString;

use dsnap_sdk::{CheckedLine, Entered, Left, Reason, Request, SnapshotMethod, Status};

use crate::server::{Answer, Server};

/// The method. It keeps nothing between two calls, because another process may make the next one.
#[derive(Debug)]
struct Template;

impl SnapshotMethod for Template {
    fn name(&self) -> &str {
        "template"
    }

    /// This server answers only while it has the storage open.
    fn may_close(&self) -> bool {
        false
    }

    /// Messages show the words as they are. A method that takes a password sets a label here:
    /// `Ok(CheckedLine::of(words).with_label(...))`.
    fn check_words(&self, words: &[OsString]) -> Result<CheckedLine, Reason> {
        Server::of(words)?;
        Ok(CheckedLine::of(words))
    }

    fn enter(&self, request: &Request<'_>) -> Entered {
        let server = match Server::of(request.words) {
            Ok(server) => server,
            Err(reason) => return Entered::Refused(reason),
        };
        match server.ask(&format!("enter {}", request.code), request) {
            Answer::Ok(_) => Entered::Held,
            Answer::Busy(reason) => Entered::Busy(reason),
            // The server answered, so the call had no effect.
            Answer::Error(reason) => Entered::Failed(reason),
            Answer::Unreachable(reason) => Entered::Unavailable(reason),
            // The server was asked, and what it did is not known. Never say `Failed` here.
            Answer::Missing(reason) => Entered::Unknown(reason),
        }
    }

    /// Looks first at the code of the snapshot. Leaving twice is not an error, and a snapshot with
    /// another code is never touched.
    fn leave(&self, request: &Request<'_>) -> Left {
        let server = match Server::of(request.words) {
            Ok(server) => server,
            Err(reason) => return Left::Refused(reason),
        };
        let held_by_us = format!("user/{}", request.code);
        match server.ask("status", request) {
            Answer::Ok(held) if held == held_by_us => {}
            Answer::Ok(_) => return Left::Left,
            other => return not_left(other),
        }
        match server.ask(&format!("leave {}", request.code), request) {
            Answer::Ok(_) => Left::Left,
            other => not_left(other),
        }
    }

    fn status(&self, request: &Request<'_>) -> Status {
        let server = match Server::of(request.words) {
            Ok(server) => server,
            Err(reason) => return Status::Refused(reason),
        };
        match server.ask("status", request) {
            Answer::Ok(said) if said == "in no snapshot" => Status::CouldEnter,
            Answer::Ok(held) if held.starts_with("user/") => Status::Held(held.into_bytes()),
            Answer::Ok(work) => Status::Busy(Reason::new(format!("the server is {work}"))),
            Answer::Busy(reason) => Status::Busy(reason),
            Answer::Unreachable(reason) | Answer::Missing(reason) => Status::Unavailable(reason),
            Answer::Error(reason) => Status::Refused(reason),
        }
    }
}

fn not_left(answer: Answer) -> Left {
    match answer {
        Answer::Ok(_) => Left::Left,
        Answer::Busy(reason) => Left::Busy(reason),
        Answer::Unreachable(reason) => Left::Unavailable(reason),
        Answer::Error(reason) | Answer::Missing(reason) => Left::Failed(reason),
    }
}

dsnap_sdk::export!(Template);
