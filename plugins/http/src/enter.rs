//! `enter`: what the answer to `enterSnapshot` means.

use dsnap_core::method::{Entered, Left};
use dsnap_core::{Code, Reason};

use crate::answer::{Answer, Endpoint};
use crate::current_use::{self, CurrentUse};
use crate::fault::{Fault, Meaning};
use crate::leave;
use crate::toolkit::Toolkit;

/// Asks the server to enter a snapshot under `code`.
pub(crate) fn enter(toolkit: &Toolkit<'_>, code: &Code) -> Entered {
    match toolkit.enter_snapshot(code) {
        // The value is nil, false or something else, depending on the version of Zope.
        Ok(Answer::Value(_)) => Entered::Held,
        Ok(Answer::Fault(fault)) => fault_of_enter(toolkit, code, &fault),
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
        Err(error) => {
            let what = "the snapshot may or may not have been entered";
            unsettled(&fault, what, error.into_reason())
        }
    }
}

fn unsettled(fault: &Reason, what: &str, reason: Reason) -> Entered {
    let text = format!("{}; {what}: {}", fault.text(), reason.text());
    Entered::Unknown(reason.with_text(text))
}
