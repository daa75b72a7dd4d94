//! Entering: what the answer to `enterSnapshot` means.

use dsnap_core::method::{Entered, Left};
use dsnap_core::{Code, Reason};

use crate::answer::{self, Answer};
use crate::fault::{Fault, Meaning};
use crate::leave;
use crate::occupant::{self, Occupant};
use crate::toolkit::Toolkit;

/// Asks the server to enter a snapshot under the code.
pub(crate) fn enter(toolkit: &Toolkit<'_>, code: &Code) -> Entered {
    match toolkit.enter_snapshot(code) {
        // The value is nil, false or something else, by the age of the Zope.
        Ok(Answer::Value(_)) => Entered::Held,
        Ok(Answer::Fault(fault)) => fault_of_enter(toolkit, code, &fault),
        Err(trouble) => trouble.into(),
    }
}

fn fault_of_enter(toolkit: &Toolkit<'_>, code: &Code, fault: &Fault) -> Entered {
    let url = toolkit.url();
    match fault.meaning() {
        // A second enter waits in the server for the first, so this one is over, and held.
        Meaning::InUse(occupant) if occupant.is(code) => Entered::Held,
        Meaning::InUse(Occupant::Startup) => Entered::Refused(occupant::stuck(url)),
        Meaning::InUse(Occupant::Work(work)) => Entered::Busy(occupant::at_work(url, &work)),
        Meaning::InUse(Occupant::Snapshot(code)) => Entered::Busy(occupant::taken(url, &code)),
        _ => match toolkit.origin().explain(fault) {
            Some(trouble) => trouble.into(),
            None => settle(toolkit, code, answer::failed(url, "enterSnapshot", fault)),
        },
    }
}

/// After a fault of which nothing is known but that the enter is over: a full disk lets one
/// fail and still have its effect.
fn settle(toolkit: &Toolkit<'_>, code: &Code, fault: Reason) -> Entered {
    match toolkit.occupant() {
        Ok(Some(occupant)) if occupant.is(code) => match leave::ask_to_leave(toolkit, code) {
            Left::Left => Entered::Failed(fault),
            Left::Busy(why) | Left::Unavailable(why) | Left::Refused(why) | Left::Failed(why) => {
                still(&fault, "its snapshot could not be left again", &why)
            }
        },
        Ok(_) => Entered::Failed(fault),
        Err(trouble) => still(&fault, "whether it had its effect is not known", &trouble.refusal()),
    }
}

fn still(fault: &Reason, what: &str, why: &Reason) -> Entered {
    let both = Reason::new(format!("{}; {what}: {}", fault.text(), why.text()));
    Entered::Unknown(why.hints().iter().fold(both, Reason::hint))
}
