//! `enter`: first the question for the current code, then `enterSnapshot`, and what their answers
//! mean.
//!
//! A leave begins with that question. So a server that does not answer it in time, or in a way that
//! cannot be read, is not asked to enter: the snapshot could not be left.

use dsnap_core::method::{Entered, Left};
use dsnap_core::{Code, Reason};

use crate::answer::{Answer, Endpoint};
use crate::call_error::CallError;
use crate::current_use::{self, CurrentUse};
use crate::fault::{Fault, Meaning};
use crate::leave;
use crate::toolkit::Toolkit;

/// Asks the server to enter a snapshot under `code`.
pub(crate) fn enter(toolkit: &Toolkit<'_>, code: &Code) -> Entered {
    match toolkit.current_use_before_enter() {
        Ok(None) => enter_now(toolkit, code),
        // An earlier enter under this code came late. The server confirms that it is over.
        Ok(Some(current)) if current.is_snapshot(code) => enter_now(toolkit, code),
        Ok(Some(current)) => in_use(toolkit.endpoint(), code, &current),
        Err(error) => error.before_enter(),
    }
}

fn enter_now(toolkit: &Toolkit<'_>, code: &Code) -> Entered {
    match toolkit.enter_snapshot(code) {
        // The value is nil, false or something else, depending on the version of Zope.
        Ok(Answer::Value(_)) => Entered::Held,
        Ok(Answer::Fault(fault)) => fault_of_enter(toolkit, code, &fault),
        Err(CallError::ServerError(reason)) => after_server_error(toolkit, code, &reason),
        Err(error) => error.into(),
    }
}

fn fault_of_enter(toolkit: &Toolkit<'_>, code: &Code, fault: &Fault) -> Entered {
    let endpoint = toolkit.endpoint();
    match fault.meaning() {
        Meaning::InUse(current) => in_use(endpoint, code, &current),
        _ => match endpoint.explain(fault) {
            Some(error) => error.into(),
            None => settle(toolkit, code, endpoint.call_failed("enterSnapshot", fault)),
        },
    }
}

fn in_use(endpoint: Endpoint<'_>, code: &Code, current: &CurrentUse) -> Entered {
    let Endpoint { url, secrets, .. } = endpoint;
    match current {
        // The server makes a second enter wait for the first. So the first one is over, and was
        // successful.
        current if current.is_snapshot(code) => Entered::Held,
        CurrentUse::Startup => Entered::Refused(current_use::stuck_since_startup(url)),
        CurrentUse::ServerTask(task) => {
            Entered::Busy(current_use::busy_with_task(url, secrets, task))
        }
        CurrentUse::Snapshot(other) => {
            Entered::Busy(current_use::in_another_snapshot(url, secrets, other))
        }
    }
}

/// Finds out what became of an enter that was answered with a 500: Zope 4 and later say no more
/// about any exception, so the snapshot code decides.
///
/// If our code was set and nothing more, as on a full disk, the caller sees that `misc/snapshot` does
/// not show it, and leaves.
fn after_server_error(toolkit: &Toolkit<'_>, code: &Code, error: &Reason) -> Entered {
    match toolkit.current_use() {
        Ok(Some(current)) => in_use(toolkit.endpoint(), code, &current),
        // A proxy may have answered while the server goes on entering.
        Ok(None) => {
            let text = format!("{}, and is in no snapshot", error.text());
            Entered::LikelyFailed(error.clone().with_text(text))
        }
        Err(unanswered) => unsettled(error, MAYBE_ENTERED, unanswered.into_reason()),
    }
}

/// Finds out whether an enter that ended with a fault had its effect all the same, as happens when
/// the disk is full, and leaves the snapshot then.
fn settle(toolkit: &Toolkit<'_>, code: &Code, fault: Reason) -> Entered {
    match toolkit.current_use() {
        Ok(Some(current)) if current.is_snapshot(code) => {
            match leave::leave_own_snapshot(toolkit, code) {
                Left::Left => Entered::Failed(fault),
                Left::Busy(reason)
                | Left::Unavailable(reason)
                | Left::Refused(reason)
                | Left::Failed(reason) => {
                    let what = "the snapshot was entered all the same and could not be left again";
                    unsettled(&fault, what, reason)
                }
            }
        }
        Ok(_) => Entered::Failed(fault),
        Err(error) => unsettled(&fault, MAYBE_ENTERED, error.into_reason()),
    }
}

const MAYBE_ENTERED: &str = "the snapshot may or may not have been entered";

fn unsettled(fault: &Reason, what: &str, reason: Reason) -> Entered {
    let text = format!("{}; {what}: {}", fault.text(), reason.text());
    Entered::Unknown(reason.with_text(text))
}
