//! The method `http`: asks the Zope that has the storage open, with XML-RPC calls to its
//! DirectoryStorageToolkit object.
//!
//! `enter`, `leave` and `status` decide what an answer means. They call the server through
//! `toolkit`, which uses:
//!
//! - `line`, `address`, `access` and `file` for the line and the files that it names,
//! - `client`, `addresses`, `tls`, `certificate`, `deadline` and `send_error` for one HTTP request,
//! - `answer`, `xml`, `fault` and `current_use` for what the response says,
//! - `secrets` for what a server's words must not repeat,
//! - `call_error` for why there is no usable answer,
//! - `trace` for what `-vv` shows of a call.
//!
//! All of them depend on one question: was anything sent? Before that, a failure has no effect.
//! After that, the call may have had its effect, whatever comes back.
//!
//! Deliberately elsewhere, in `dsnap-engine`: whether the server is that of the storage, whether
//! its snapshot is fresh, and what to do about an enter without an answer.
#![forbid(unsafe_code)]

mod access;
mod address;
mod addresses;
mod answer;
mod call_error;
mod certificate;
mod client;
mod current_use;
mod deadline;
mod enter;
mod fault;
mod file;
mod leave;
mod line;
mod secrets;
mod send_error;
mod status;
mod tls;
mod toolkit;
mod trace;
mod xml;

use std::ffi::OsString;

use dsnap_core::Reason;
use dsnap_core::method::{CheckedLine, Entered, Left, Request, SnapshotMethod, Status};
use dsnap_engine::limits;
use dsnap_engine::system::credential_folder::CredentialFolder;

use crate::toolkit::Toolkit;

/// Asks a running Zope: `http URL ACCESS [ca=FILE]`.
#[derive(Debug, Clone, Default)]
pub struct Http {
    credentials: CredentialFolder,
}

impl Http {
    /// Makes the method for a program that may have credentials of a systemd service.
    pub fn with_credentials(credentials: CredentialFolder) -> Self {
        Self { credentials }
    }
}

impl SnapshotMethod for Http {
    fn name(&self) -> &str {
        "http"
    }

    fn check_words(&self, words: &[OsString]) -> Result<CheckedLine, Reason> {
        line::check(words, &self.credentials).map_err(Reason::new)
    }

    /// A server that answers has its storage open, and no call closes it.
    fn may_close(&self) -> bool {
        false
    }

    fn runs_code(&self) -> bool {
        false
    }

    fn check_files(&self, request: &Request<'_>) -> Result<(), Reason> {
        Toolkit::of(request, &self.credentials, limits::LEAVE_TIMEOUT).map(drop)
    }

    fn enter(&self, request: &Request<'_>) -> Entered {
        match Toolkit::of(request, &self.credentials, limits::ENTER_TIMEOUT) {
            Ok(toolkit) => enter::enter(&toolkit, request.code),
            Err(reason) => Entered::Refused(reason),
        }
    }

    fn leave(&self, request: &Request<'_>) -> Left {
        match Toolkit::of(request, &self.credentials, limits::LEAVE_TIMEOUT) {
            Ok(toolkit) => leave::leave(&toolkit, request.code, request.snapshot_seen),
            Err(reason) => Left::Refused(reason),
        }
    }

    fn status(&self, request: &Request<'_>) -> Status {
        match Toolkit::of(request, &self.credentials, limits::LEAVE_TIMEOUT) {
            Ok(toolkit) => status::status(&toolkit, request.code),
            Err(reason) => Status::Refused(reason),
        }
    }
}
