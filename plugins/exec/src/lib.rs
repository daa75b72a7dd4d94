//! The method `exec PROGRAM [ARG]...`: a program in any language is asked.
//!
//! PROGRAM is run as `PROGRAM VERB [ARG]...`, with what it needs in its environment, in a
//! process that `dsnap-host` isolates. Its exit status is the result (`status.rs`); the last line
//! that it writes to stderr is the reason.
//!
//! Deliberately elsewhere: how the process is kept apart and ended (`dsnap-host`), and what an
//! *unknown* enter leads to (`dsnap-core`).
#![forbid(unsafe_code)]

mod program;
mod status;

use std::ffi::OsString;

use dsnap_core::Reason;
use dsnap_core::method::{CheckedLine, Entered, Left, Request, SnapshotMethod, Status};
use dsnap_engine::limits;

use crate::program::Program;

/// The method.
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

    fn enter(&self, request: &Request<'_>) -> Entered {
        match Program::of(request).and_then(|program| program.run("enter", limits::ENTER_TIMEOUT)) {
            Ok(ran) => status::entered(ran),
            Err(refusal) => Entered::Refused(refusal),
        }
    }

    fn leave(&self, request: &Request<'_>) -> Left {
        match Program::of(request).and_then(|program| program.run("leave", limits::LEAVE_TIMEOUT)) {
            Ok(ran) => status::left(ran),
            Err(refusal) => Left::Refused(refusal),
        }
    }

    fn status(&self, request: &Request<'_>) -> Status {
        match Program::of(request).and_then(|program| program.run("status", limits::LEAVE_TIMEOUT))
        {
            Ok(ran) => status::seen(ran),
            Err(refusal) => Status::Refused(refusal),
        }
    }
}
