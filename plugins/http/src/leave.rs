//! `leave`: ends the snapshot under our code, and no other.
//!
//! The server is asked for its current snapshot code first. A `leaveSnapshot` with another code
//! would make it lock `misc/sublock` before it refuses. If there is no such answer, the snapshot is
//! left all the same where the storage shows it and this line entered it: then the server is the
//! right one, whatever keeps it from answering.

use dsnap_core::method::Left;
use dsnap_core::{Code, Reason};

use crate::answer::Answer;
use crate::call_error::CallError;
use crate::current_use::{self, CurrentUse};
use crate::fault::{Fault, Meaning};
use crate::toolkit::Toolkit;

/// Leaves the snapshot if the server is in one under `code`. `seen` says that the storage shows it
/// ([`Request::snapshot_seen`](dsnap_core::method::Request::snapshot_seen)).
pub(crate) fn leave(toolkit: &Toolkit<'_>, code: &Code, seen: bool) -> Left {
    match toolkit.current_use() {
        Ok(Some(current)) if current.is_snapshot(code) => leave_own_snapshot(toolkit, code),
        Ok(other) => nothing_to_leave(toolkit, other.as_ref()),
        Err(error @ CallError::Unreachable(_)) => error.into(),
        Err(_) if seen => leave_own_snapshot(toolkit, code),
        Err(error) => error.into(),
    }
}

/// Leaves the snapshot under `code`, which the server is known to be in.
pub(crate) fn leave_own_snapshot(toolkit: &Toolkit<'_>, code: &Code) -> Left {
    let failure = match toolkit.leave_snapshot(code) {
        Ok(Answer::Value(_)) => return Left::Left,
        Ok(Answer::Fault(fault)) => fault_of_leave(toolkit, &fault),
        // The call may have had its effect all the same.
        Err(
            CallError::NoAnswer(reason)
            | CallError::Unreadable(reason)
            | CallError::FaultyServer(reason),
        ) => Left::Failed(reason),
        Err(CallError::ServerError(reason)) => server_error_of_leave(toolkit, reason),
        Err(error @ (CallError::Unreachable(_) | CallError::Refused(_))) => return error.into(),
    };
    match toolkit.current_use() {
        Ok(Some(current)) if current.is_snapshot(code) => failure,
        Ok(other) => nothing_to_leave(toolkit, other.as_ref()),
        Err(_) => failure,
    }
}

/// Explains a 500. Zope 4 and later do not say that they could not lock `misc/sublock`, but the
/// system may show that somebody has locked it.
fn server_error_of_leave(toolkit: &Toolkit<'_>, reason: Reason) -> Left {
    if !toolkit.sublock_is_locked() {
        return Left::Failed(reason);
    }
    let text = format!("{}, while a process has misc/sublock locked", reason.text());
    Left::Busy(Reason::new(text).hint(LOCKED_HINT))
}

const LOCKED_HINT: &str = "wait until the process that still uses the snapshot has ended";

/// Reports success where the server is not in our snapshot, or no longer. But a server that was
/// restarted meanwhile may be stuck.
fn nothing_to_leave(toolkit: &Toolkit<'_>, current: Option<&CurrentUse>) -> Left {
    match current {
        Some(CurrentUse::Startup) => Left::Refused(current_use::stuck_since_startup(toolkit.url())),
        _ => Left::Left,
    }
}

fn fault_of_leave(toolkit: &Toolkit<'_>, fault: &Fault) -> Left {
    let endpoint = toolkit.endpoint();
    if fault.meaning() == Meaning::Locked {
        let text = format!(
            "the server at {} cannot lock misc/sublock: {}",
            endpoint.url,
            fault.summary(endpoint.secrets)
        );
        return Left::Busy(Reason::new(text).hint(LOCKED_HINT));
    }
    match endpoint.explain(fault) {
        Some(CallError::Refused(reason)) => Left::Refused(reason),
        Some(error) => Left::Failed(error.into_reason()),
        None => Left::Failed(endpoint.call_failed("leaveSnapshot", fault)),
    }
}
