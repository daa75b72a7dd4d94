//! The method `http`: it asks the process that has the storage open, by XML-RPC to a
//! DirectoryStorageToolkit object in Zope.
//!
//! `enter`, `leave` and `status` decide what an answer means; `toolkit` is what they ask.
//! Below it lie `line` and `address` (what stands on the line), `access` and `file` (ACCESS),
//! `wire` and `patience` (one call, and how long it may take), `tls`, `answer` and `xml` (what
//! came back), `fault` and `occupant` (what it says), and `trouble` (why there is no answer).
//!
//! The question behind everything here is whether something was sent: before that a failure is
//! known to have had no effect, after it nothing is known.
//!
//! Deliberately elsewhere: whether the server is that of the storage, whether its snapshot is
//! fresh, and what happens to an enter without an answer (`dsnap-core`).
#![forbid(unsafe_code)]

mod access;
mod address;
mod answer;
mod enter;
mod fault;
mod file;
mod leave;
mod line;
mod occupant;
mod patience;
mod status;
mod tls;
mod toolkit;
mod trouble;
mod wire;
mod xml;

use std::ffi::OsString;

use dsnap_core::Reason;
use dsnap_core::method::{CheckedLine, Entered, Left, Request, SnapshotMethod, Status};
use dsnap_engine::limits;

use crate::toolkit::Toolkit;

/// Asks a running Zope: `http URL ACCESS [ca=FILE]`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Http;

impl SnapshotMethod for Http {
    fn name(&self) -> &str {
        "http"
    }

    fn check_words(&self, words: &[OsString]) -> Result<CheckedLine, Reason> {
        line::check(words).map_err(Reason::new)
    }

    /// A server that can be asked is open; no question closes its storage.
    fn may_close(&self) -> bool {
        false
    }

    fn enter(&self, request: &Request<'_>) -> Entered {
        match Toolkit::of(request, limits::ENTER_TIMEOUT) {
            Ok(toolkit) => enter::enter(&toolkit, request.code),
            Err(refusal) => Entered::Refused(refusal),
        }
    }

    fn leave(&self, request: &Request<'_>) -> Left {
        match Toolkit::of(request, limits::LEAVE_TIMEOUT) {
            Ok(toolkit) => leave::leave(&toolkit, request.code),
            Err(refusal) => Left::Refused(refusal),
        }
    }

    fn status(&self, request: &Request<'_>) -> Status {
        match Toolkit::of(request, limits::LEAVE_TIMEOUT) {
            Ok(toolkit) => status::status(&toolkit),
            Err(refusal) => Status::Refused(refusal),
        }
    }
}
