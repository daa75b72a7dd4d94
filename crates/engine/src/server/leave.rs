//! `leave`: ends the snapshot under our code, and no other.
//!
//! The server is asked for its current snapshot code first. A leave with another code would make it
//! lock `misc/sublock` before it refuses. If there is no such answer, the snapshot is left all the
//! same where the storage shows it and this line entered it: then the server is the right one,
//! whatever keeps it from answering.

use dsnap_core::method::Left;
use dsnap_core::{Code, Reason};

use super::call_error::CallError;
use super::current_use::{self, CurrentUse};
use super::exception::{Exception, Meaning};
use super::{Answer, Server};
use crate::system::lock_holders;

/// Leaves the snapshot if the server is in one under `code`. `seen` says that the storage shows it
/// ([`Request::snapshot_seen`](dsnap_core::method::Request::snapshot_seen)).
pub fn leave(server: &dyn Server, code: &Code, seen: bool) -> Left {
    match server.current_use() {
        Ok(Some(current)) if current.is_snapshot(code) => leave_own_snapshot(server, code),
        Ok(other) => nothing_to_leave(server, other.as_ref()),
        Err(error @ CallError::Unreachable(_)) => error.into(),
        Err(_) if seen => leave_own_snapshot(server, code),
        Err(error) => error.into(),
    }
}

/// Leaves the snapshot under `code`, which the server is known to be in.
pub(super) fn leave_own_snapshot(server: &dyn Server, code: &Code) -> Left {
    let failure = match server.leave_snapshot(code) {
        Ok(Answer::Done) => return Left::Left,
        Ok(Answer::Raised(exception, reason)) => failed_leave(server, &exception, reason),
        // The call may have had its effect all the same.
        Err(
            CallError::NoAnswer(reason)
            | CallError::Unreadable(reason)
            | CallError::FaultyServer(reason),
        ) => Left::Failed(reason),
        Err(CallError::ServerError(reason)) => server_error_of_leave(server, reason),
        Err(error @ (CallError::Unreachable(_) | CallError::Refused(_))) => return error.into(),
    };
    match server.current_use() {
        Ok(Some(current)) if current.is_snapshot(code) => failure,
        Ok(other) => nothing_to_leave(server, other.as_ref()),
        Err(_) => failure,
    }
}

/// Explains a server error. Zope 4 and later do not say that they could not lock `misc/sublock`, but
/// the system may show that somebody has locked it.
fn server_error_of_leave(server: &dyn Server, reason: Reason) -> Left {
    if !lock_holders::is_held(server.sublock()) {
        return Left::Failed(reason);
    }
    let text = format!("{}, while a process has misc/sublock locked", reason.text());
    Left::Busy(Reason::new(text).hint(LOCKED_HINT))
}

const LOCKED_HINT: &str = "wait until the process that still uses the snapshot has ended";

/// Reports success where the server is not in our snapshot, or no longer. But a server that was
/// restarted meanwhile may be stuck.
fn nothing_to_leave(server: &dyn Server, current: Option<&CurrentUse>) -> Left {
    match current {
        Some(CurrentUse::Startup) => {
            Left::Refused(current_use::stuck_since_startup(server.shown()))
        }
        _ => Left::Left,
    }
}

fn failed_leave(server: &dyn Server, exception: &Exception, reason: Reason) -> Left {
    if exception.meaning() != Meaning::Locked {
        return Left::Failed(reason);
    }
    let summary = exception.summary(|words| server.harmless(words));
    let text = format!("the server at {} cannot lock misc/sublock: {summary}", server.shown());
    Left::Busy(Reason::new(text).hint(LOCKED_HINT))
}
