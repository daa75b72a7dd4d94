//! The method `http`: asks the Zope that has the storage open, with XML-RPC calls to its
//! DirectoryStorageToolkit object.
//!
//! `dsnap_engine::server` decides what an answer means. It calls the server through `toolkit`, which
//! uses:
//!
//! - `line`, `address` and `access` for the line and the files that it names,
//! - `client`, `addresses`, `tls`, `certificate` and `send_error` for one HTTP request; without the feature
//!   `tls`, `no_tls` takes the place of `tls` and `certificate`,
//! - `answer`, `xml` and `fault` for what the response says,
//! - `secrets` for what a server's words must not repeat,
//! - `trace` for what `-vv` shows of a call.
#![forbid(unsafe_code)]

mod access;
mod address;
mod addresses;
mod answer;
#[cfg(feature = "tls")]
mod certificate;
mod client;
mod fault;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod line;
#[cfg(any(test, not(feature = "tls")))]
#[cfg_attr(feature = "tls", allow(dead_code, reason = "only its test uses it"))]
mod no_tls;
mod secrets;
mod send_error;
#[cfg(feature = "tls")]
mod tls;
mod toolkit;
mod trace;
mod xml;

use std::ffi::OsString;

use dsnap_core::Reason;
use dsnap_core::method::{CheckedLine, Entered, Left, Request, SnapshotMethod, Status};
use dsnap_engine::system::credential_folder::CredentialFolder;
use dsnap_engine::{limits, server};

#[cfg(not(feature = "tls"))]
use crate::no_tls as tls;
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
            Ok(toolkit) => server::enter(&toolkit, request.code),
            Err(reason) => Entered::Refused(reason),
        }
    }

    fn leave(&self, request: &Request<'_>) -> Left {
        match Toolkit::of(request, &self.credentials, limits::LEAVE_TIMEOUT) {
            Ok(toolkit) => server::leave(&toolkit, request.code, request.snapshot_seen),
            Err(reason) => Left::Refused(reason),
        }
    }

    fn status(&self, request: &Request<'_>) -> Status {
        match Toolkit::of(request, &self.credentials, limits::LEAVE_TIMEOUT) {
            Ok(toolkit) => server::status(&toolkit, request.code),
            Err(reason) => Status::Refused(reason),
        }
    }
}

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
