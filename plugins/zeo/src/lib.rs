//! The method `zeo`: asks the ZEO server that has the storage open, without a Zope.
//!
//! `dsnap_engine::server` decides what an answer means. It calls the server through `zeo_server`,
//! which uses:
//!
//! - `line` and `address` for the words of the line,
//! - `conversation` for what comes before a snapshot call, and `login` for the password,
//! - `connection` for connecting, and `channel` for bytes with a time limit,
//! - `frames` and `digest` for one message: its length, and its authentication code,
//! - `calls` for a call and its answer: `call` is what is sent, `pickle` and `reply` read what comes back,
//! - `trouble` for why there is no answer,
//! - `trace` for what `-vv` shows of a call.
//!
//! The protocol is Python's pickle. A pickle can make a Python program run anything. Here, `pickle`
//! reads a fixed set of operations into inert values, and runs nothing.
#![forbid(unsafe_code)]

mod address;
mod call;
mod calls;
mod channel;
mod connection;
mod conversation;
mod digest;
mod frames;
mod line;
mod login;
mod pickle;
mod reply;
mod trace;
mod trouble;
mod zeo_server;

use std::ffi::OsString;

use dsnap_core::Reason;
use dsnap_core::method::{CheckedLine, Entered, Left, Request, SnapshotMethod, Status};
use dsnap_engine::system::credential_folder::CredentialFolder;
use dsnap_engine::{limits, server};

use crate::zeo_server::ZeoServer;

/// Asks a ZEO server: `zeo ADDRESS [STORAGE [ACCESS [realm=NAME]]]`.
#[derive(Debug, Clone, Default)]
pub struct Zeo {
    credentials: CredentialFolder,
}

impl Zeo {
    /// Makes the method for a program that may have credentials of a systemd service.
    pub fn with_credentials(credentials: CredentialFolder) -> Self {
        Self { credentials }
    }
}

impl SnapshotMethod for Zeo {
    fn name(&self) -> &str {
        "zeo"
    }

    fn check_words(&self, words: &[OsString]) -> Result<CheckedLine, Reason> {
        line::check(words, &self.credentials)
    }

    /// A server that answers has its storage open, and no call closes it.
    fn may_close(&self) -> bool {
        false
    }

    fn runs_code(&self) -> bool {
        false
    }

    fn check_files(&self, request: &Request<'_>) -> Result<(), Reason> {
        ZeoServer::of(request, &self.credentials, limits::LEAVE_TIMEOUT).map(drop)
    }

    fn enter(&self, request: &Request<'_>) -> Entered {
        match ZeoServer::of(request, &self.credentials, limits::ENTER_TIMEOUT) {
            Ok(zeo) => server::enter(&zeo, request.code),
            Err(reason) => Entered::Refused(reason),
        }
    }

    fn leave(&self, request: &Request<'_>) -> Left {
        match ZeoServer::of(request, &self.credentials, limits::LEAVE_TIMEOUT) {
            Ok(zeo) => server::leave(&zeo, request.code, request.snapshot_seen),
            Err(reason) => Left::Refused(reason),
        }
    }

    fn status(&self, request: &Request<'_>) -> Status {
        match ZeoServer::of(request, &self.credentials, limits::LEAVE_TIMEOUT) {
            Ok(zeo) => server::status(&zeo, request.code),
            Err(reason) => Status::Refused(reason),
        }
    }
}

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
