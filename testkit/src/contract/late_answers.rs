//! Checks with a server that answers late or never: it pauses before it moves its journal into
//! `A/`, which every way of entering waits for.

use std::time::Duration;

use dsnap_core::Code;
use dsnap_core::method::Entered;
use dsnap_engine::limits::LAST_ANSWER_TIMEOUT;

use super::check::{CheckError, CheckResult, breach};
use super::harness::{GRACE, Harness, PendingCall, wait_at_most, wait_for};
use super::shared_steps::leave_and_confirm;
use super::wording::{CallResult, seconds};
use crate::site::Step;

/// The time limit of an enter that gets no answer.
const SHORT_LIMIT: Duration = Duration::from_secs(2);
/// The time limit of an enter that is asked to stop long before.
const LONG_LIMIT: Duration = Duration::from_secs(90);
/// How long an enter that was asked to stop must go on waiting: methods look five times a second.
const MUST_WAIT: Duration = Duration::from_secs(1);

/// The server was never asked, so there is nothing to wait for.
const NEVER_ASKED: CheckError =
    CheckError::NotTried("enter never reaches the point at which the server pauses");

pub(super) fn no_answer(harness: &Harness) -> CheckResult {
    let (server, code) = (harness.server()?, harness.new_code());
    server.hold_at(Step::Flush);
    let entering = harness.begin_enter(&code, SHORT_LIMIT);
    let asked = wait_for(|| server.is_at(Step::Flush) || entering.has_ended());
    let entered = entering.finish();
    server.go_on();
    if !asked {
        return Err(NEVER_ASKED);
    }
    confirm_unknown(&entered?, SHORT_LIMIT)?;
    settle(harness, &code)
}

pub(super) fn stopped_with_answer(harness: &Harness) -> CheckResult {
    let (server, code) = (harness.server()?, harness.new_code());
    server.hold_at(Step::Flush);
    let entering = harness.begin_enter(&code, LONG_LIMIT);
    let asked = stop_at_flush(&entering, || server.is_at(Step::Flush));
    let gave_up = asked && wait_at_most(MUST_WAIT, || entering.has_ended());
    server.go_on();
    let entered = entering.finish()?;
    let result = entered.describe();
    match entered {
        _ if !asked => Err(NEVER_ASKED),
        Entered::Held | Entered::Done => Ok(()),
        _ if gave_up => Err(breach(format!(
            "enter returned {result} within 1 s of being asked to stop, without waiting for the answer"
        ))),
        _ => Err(breach(format!(
            "enter returned {result} after it was asked to stop, although the answer came"
        ))),
    }?;
    settle(harness, &code)
}

pub(super) fn stopped_without_answer(harness: &Harness) -> CheckResult {
    if harness.quick {
        return Err(CheckError::NotTried("it takes 20 s"));
    }
    let (server, code) = (harness.server()?, harness.new_code());
    server.hold_at(Step::Flush);
    let entering = harness.begin_enter(&code, LONG_LIMIT);
    let asked = stop_at_flush(&entering, || server.is_at(Step::Flush));
    let limit = LAST_ANSWER_TIMEOUT + GRACE;
    let ended = wait_at_most(limit, || entering.has_ended());
    server.go_on();
    let entered = entering.finish()?;
    if !asked {
        return Err(NEVER_ASKED);
    }
    if !ended {
        let limit = seconds(limit);
        return Err(breach(format!("enter had not returned {limit} after it was asked to stop")));
    }
    confirm_unknown(&entered, LAST_ANSWER_TIMEOUT)?;
    settle(harness, &code)
}

/// Asks enter to stop once the server was asked; false if the server never is.
fn stop_at_flush(entering: &PendingCall<Entered>, at_flush: impl Fn() -> bool) -> bool {
    let asked = wait_for(|| at_flush() || entering.has_ended()) && at_flush();
    entering.stop();
    asked
}

fn confirm_unknown(entered: &Entered, time: Duration) -> CheckResult {
    match entered {
        Entered::Unknown(_) => Ok(()),
        other => {
            let (result, time) = (other.describe(), seconds(time));
            Err(breach(format!(
                "enter returned {result} after {time} without an answer, but the server may still enter: it must return unknown"
            )))
        }
    }
}

/// Waits until the server has done what it was asked, which is then left.
fn settle(harness: &Harness, code: &Code) -> CheckResult {
    if !harness.observe_until(|files| files.is_held_by(code) || files.is_closed()) {
        return Err(CheckError::NotTried("the server never entered"));
    }
    leave_and_confirm(harness, code)
}
