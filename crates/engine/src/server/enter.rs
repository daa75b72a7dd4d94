//! `enter`: first the question for the current code, then the enter, and what their answers mean.
//!
//! A leave begins with that question. So a server that does not answer it in time, or in a way that
//! cannot be read, is not asked to enter: the snapshot could not be left.

use dsnap_core::method::{Entered, Left};
use dsnap_core::{Code, Reason};

use super::call_error::CallError;
use super::current_use::{self, CurrentUse};
use super::exception::{Exception, Meaning};
use super::leave;
use super::{Answer, Server};

/// Asks the server to enter a snapshot under `code`.
pub fn enter(server: &dyn Server, code: &Code) -> Entered {
    match server.current_use_before_enter() {
        Ok(None) => enter_now(server, code),
        // An earlier enter under this code came late. The server confirms that it is over.
        Ok(Some(current)) if current.is_snapshot(code) => enter_now(server, code),
        Ok(Some(current)) => in_use(server, code, &current),
        Err(error) => error.before_enter(),
    }
}

fn enter_now(server: &dyn Server, code: &Code) -> Entered {
    match server.enter_snapshot(code) {
        Ok(Answer::Done) => Entered::Held,
        Ok(Answer::Raised(exception, reason)) => failed_enter(server, code, &exception, reason),
        Err(CallError::ServerError(reason)) => after_server_error(server, code, &reason),
        Err(error) => error.into(),
    }
}

fn failed_enter(
    server: &dyn Server,
    code: &Code,
    exception: &Exception,
    reason: Reason,
) -> Entered {
    match exception.meaning() {
        Meaning::InUse(current) => in_use(server, code, &current),
        Meaning::Locked | Meaning::Other => settle(server, code, reason),
    }
}

fn in_use(server: &dyn Server, code: &Code, current: &CurrentUse) -> Entered {
    let shown = server.shown();
    match current {
        // The server makes a second enter wait for the first. So the first one is over, and was
        // successful.
        current if current.is_snapshot(code) => Entered::Held,
        CurrentUse::Startup => Entered::Refused(current_use::stuck_since_startup(shown)),
        CurrentUse::ServerTask(task) => {
            Entered::Busy(current_use::busy_with_task(shown, task, &server.harmless(task)))
        }
        CurrentUse::Snapshot(other) => {
            Entered::Busy(current_use::in_another_snapshot(shown, &server.harmless(other)))
        }
    }
}

/// Finds out what became of an enter that was answered with a server error: Zope 4 and later say no
/// more about any exception, so the snapshot code decides.
///
/// If our code was set and nothing more, as on a full disk, the caller sees that `misc/snapshot` does
/// not show it, and leaves.
fn after_server_error(server: &dyn Server, code: &Code, error: &Reason) -> Entered {
    match server.current_use() {
        Ok(Some(current)) => in_use(server, code, &current),
        // A proxy may have answered while the server goes on entering.
        Ok(None) => {
            let text = format!("{}, and is in no snapshot", error.text());
            Entered::LikelyFailed(error.clone().with_text(text))
        }
        Err(unanswered) => unsettled(error, MAYBE_ENTERED, unanswered.into_reason()),
    }
}

/// Finds out whether an enter that ended with an exception had its effect all the same, as happens when
/// the disk is full, and leaves the snapshot then.
fn settle(server: &dyn Server, code: &Code, failure: Reason) -> Entered {
    match server.current_use() {
        Ok(Some(current)) if current.is_snapshot(code) => {
            match leave::leave_own_snapshot(server, code) {
                Left::Left => Entered::Failed(failure),
                Left::Busy(reason)
                | Left::Unavailable(reason)
                | Left::Refused(reason)
                | Left::Failed(reason) => {
                    let what = "the snapshot was entered all the same and could not be left again";
                    unsettled(&failure, what, reason)
                }
            }
        }
        Ok(_) => Entered::Failed(failure),
        Err(error) => unsettled(&failure, MAYBE_ENTERED, error.into_reason()),
    }
}

const MAYBE_ENTERED: &str = "the snapshot may or may not have been entered";

fn unsettled(failure: &Reason, what: &str, reason: Reason) -> Entered {
    let text = format!("{}; {what}: {}", failure.text(), reason.text());
    Entered::Unknown(reason.with_text(text))
}
