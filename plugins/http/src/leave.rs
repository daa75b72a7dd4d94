//! Leaving: only the snapshot under our code, and only as often as needed.

use dsnap_core::method::Left;
use dsnap_core::{Code, Reason};

use crate::answer::{self, Answer};
use crate::fault::{Fault, Meaning};
use crate::occupant::{self, Occupant};
use crate::toolkit::Toolkit;
use crate::trouble::Trouble;

/// Leaves the snapshot if the server is in one under the code.
pub(crate) fn leave(toolkit: &Toolkit<'_>, code: &Code) -> Left {
    match toolkit.occupant() {
        Ok(Some(occupant)) if occupant.is(code) => ask_to_leave(toolkit, code),
        Ok(other) => not_ours(toolkit, other.as_ref()),
        Err(trouble) => trouble.into(),
    }
}

/// Asks the server, which is known to be in the snapshot under the code, to leave it.
pub(crate) fn ask_to_leave(toolkit: &Toolkit<'_>, code: &Code) -> Left {
    let reason = match toolkit.leave_snapshot(code) {
        Ok(Answer::Value(_)) => return Left::Left,
        Ok(Answer::Fault(fault)) => fault_of_leave(toolkit, &fault),
        // Something was sent: it may have had its effect all the same.
        Err(Trouble::Lost(refusal)) => Left::Failed(refusal),
        Err(trouble) => return trouble.into(),
    };
    match toolkit.occupant() {
        Ok(Some(occupant)) if occupant.is(code) => reason,
        Ok(other) => not_ours(toolkit, other.as_ref()),
        Err(_) => reason,
    }
}

/// Nothing to leave: nobody's snapshot, somebody else's, or ours being recombined. But a server
/// that was restarted meanwhile may be stuck.
fn not_ours(toolkit: &Toolkit<'_>, occupant: Option<&Occupant>) -> Left {
    match occupant {
        Some(Occupant::Startup) => Left::Refused(occupant::stuck(toolkit.url())),
        _ => Left::Left,
    }
}

fn fault_of_leave(toolkit: &Toolkit<'_>, fault: &Fault) -> Left {
    let url = toolkit.url();
    if fault.meaning() == Meaning::Locked {
        let what = format!("the server at {url} cannot lock misc/sublock: {}", fault.shown());
        return Left::Busy(
            Reason::new(what).hint("somebody still uses the snapshot: wait for its end"),
        );
    }
    match toolkit.origin().explain(fault) {
        Some(Trouble::Refused(refusal)) => Left::Refused(refusal),
        Some(trouble) => Left::Failed(trouble.refusal()),
        None => Left::Failed(answer::failed(url, "leaveSnapshot", fault)),
    }
}
