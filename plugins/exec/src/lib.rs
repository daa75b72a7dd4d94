//! The method `exec PROGRAM [ARG]...`: runs a program in any language for each call.
//!
//! The command is `PROGRAM VERB [ARG]...`, with everything else in its environment. Its exit status
//! is the result (`status.rs`), and the last line that it writes to stderr is the reason.
//!
//! Deliberately elsewhere: how the process is isolated and ended (`dsnap-host`), and what happens
//! after an *unknown* enter (`dsnap-engine`).
#![forbid(unsafe_code)]

mod program;
mod status;

use std::ffi::OsString;

use dsnap_core::Reason;
use dsnap_core::method::{CheckedLine, Entered, Left, Request, SnapshotMethod, Status};
use dsnap_engine::limits;

use crate::program::Program;

/// The method `exec`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exec;

impl SnapshotMethod for Exec {
    fn name(&self) -> &str {
        "exec"
    }

    /// Only the program counts as a file. Its arguments have a meaning only to itself.
    fn check_words(&self, words: &[OsString]) -> Result<CheckedLine, Reason> {
        match words.first() {
            Some(program) if !program.is_empty() => Ok(CheckedLine::of(&words[..1])),
            _ => Err(Reason::new("`exec` takes a PROGRAM, and its arguments")),
        }
    }

    fn check_files(&self, request: &Request<'_>) -> Result<(), Reason> {
        Program::of(request).map(drop)
    }

    fn enter(&self, request: &Request<'_>) -> Entered {
        match Program::of(request).and_then(|program| program.run("enter", limits::ENTER_TIMEOUT)) {
            Ok(finished) => status::entered(finished),
            Err(reason) => Entered::Refused(reason),
        }
    }

    fn leave(&self, request: &Request<'_>) -> Left {
        match Program::of(request).and_then(|program| program.run("leave", limits::LEAVE_TIMEOUT)) {
            Ok(finished) => status::left(finished),
            Err(reason) => Left::Refused(reason),
        }
    }

    fn status(&self, request: &Request<'_>) -> Status {
        match Program::of(request).and_then(|program| program.run("status", limits::LEAVE_TIMEOUT))
        {
            Ok(finished) => status::looked(finished),
            Err(reason) => Status::Refused(reason),
        }
    }

    /// Checks that the program could be run. A script that knows no `status` might start the server.
    fn probe(&self, request: &Request<'_>) -> Status {
        self.check_files(request).map_or_else(Status::Refused, |()| Status::CannotTell)
    }
}

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
