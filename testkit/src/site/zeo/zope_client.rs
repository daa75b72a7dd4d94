//! A Zope of the same site as a client: what a call returns, also if the ZEO server has a fault.
//!
//! Nobody outside can see how the two processes of a site talk, so no socket connects them. A real
//! client has no time limit of its own. If its connection breaks, the call raises `ClientDisconnected`,
//! and the next call finds a new connection.

use std::time::Duration;

use super::super::exception::Exception;
use super::super::faults::{Call, Fault};
use super::super::server::Server;
use super::Zeo;
use super::service::Service;

/// How long a trickled answer takes.
const TRICKLE_TIME: Duration = Duration::from_secs(5);

/// What a call returns: the snapshot code if that was asked for, or an exception.
type Answer = Result<Option<String>, Exception>;

impl Zeo {
    /// Makes a call for a Zope. Blocks as long as the answer takes.
    ///
    /// # Errors
    ///
    /// The exception that the Zope gets.
    pub(in crate::site) fn call_by_zope(&self, call: Call, code: &str) -> Answer {
        let service = &*self.service;
        let server = service.backend.server().map_err(|_| Exception::disconnected())?;
        if !service.config.version.has_snapshots() {
            return Err(Exception::lacks(method(call)));
        }
        let turn = service.turn();
        let fault = service.faults.next_for(call);
        let answer = service.answer_with(fault, call, code);
        drop(turn);
        match fault {
            Some(fault) if !service.arrives(fault, &server) => Err(Exception::disconnected()),
            _ => answer,
        }
    }
}

/// Returns the name of the storage's method.
fn method(call: Call) -> &'static str {
    match call {
        Call::Enter => "enter_snapshot",
        Call::Leave => "leave_snapshot",
        _ => "get_snapshot_code",
    }
}

impl Service {
    fn answer_with(&self, fault: Option<Fault>, call: Call, code: &str) -> Answer {
        let backend = &self.backend;
        match fault {
            Some(Fault::Deaf | Fault::ResetBefore) => Err(Exception::disconnected()),
            Some(Fault::Refused | Fault::OldException | Fault::Python3Exception) => {
                Err(Exception::locked(&backend.storage))
            }
            Some(Fault::Unpatched) => Err(Exception::lacks(method(call))),
            Some(Fault::Escapes) => Err(Exception::with_escapes()),
            Some(Fault::WrongStorage) => match self.other.get_or_make() {
                Ok(other) => Exception::of_call(other.call(call, code), &other.storage),
                Err(_) => Err(Exception::disconnected()),
            },
            _ => Exception::of_call(backend.call(call, code), &backend.storage),
        }
    }

    /// Waits for as long as a fault delays the answer. Returns false if the answer never arrives.
    fn arrives(&self, fault: Fault, server: &Server) -> bool {
        match fault {
            Fault::Slow(by) => !server.ends_within(by),
            Fault::Trickle => !server.ends_within(TRICKLE_TIME),
            Fault::Silent | Fault::Deaf | Fault::Endless | Fault::Flood => {
                server.wait_for_end();
                false
            }
            Fault::HalfAnswer | Fault::ResetBefore | Fault::ResetAfter | Fault::Garbage => false,
            Fault::WrongMac | Fault::NoMac => self.config.authentication.is_none(),
            _ => true,
        }
    }
}
