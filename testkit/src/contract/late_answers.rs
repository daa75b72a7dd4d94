//! Checks with a server that does not answer, or answers late: it is held before it moves its
//! journal into `A/`, which every way of asking it waits for.

use std::time::Duration;

use dsnap_core::Code;
use dsnap_core::method::Entered;
use dsnap_engine::limits::LAST_ANSWER_TIMEOUT;

use super::harness::{Answer, GRACE, Pending, Stage, seconds, wait_for};
use super::with_server::left_truly;
use super::{Checked, Not, breach};
use crate::site::Step;

/// How long an enter may take that gets no answer.
const SHORT: Duration = Duration::from_secs(2);
/// How long one may take that is asked to stop.
const LONG: Duration = Duration::from_secs(90);

pub(super) fn no_answer(stage: &Stage) -> Checked {
    let (server, code) = (stage.server()?, stage.code());
    server.hold_at(Step::Flush);
    let entering = stage.begin_enter(&code, SHORT);
    let asked = wait_for(|| server.is_at(Step::Flush) || entering.has_ended());
    let entered = entering.end();
    server.go_on();
    if !asked {
        return Err(Not::Asked("it does not come to the point where the server waits"));
    }
    is_unknown(&entered?, SHORT)?;
    settle(stage, &code)
}

pub(super) fn stopped_with_answer(stage: &Stage) -> Checked {
    let (server, code) = (stage.server()?, stage.code());
    server.hold_at(Step::Flush);
    let entering = stage.begin_enter(&code, LONG);
    let asked = stop_at_flush(&entering, || server.is_at(Step::Flush));
    // Long enough for whoever looks five times a second.
    let gave_up = asked && ends_within(&entering, Duration::from_secs(1));
    server.go_on();
    let entered = entering.end()?;
    match entered {
        _ if !asked => Err(Not::Asked("it does not come to the point where the server waits")),
        Entered::Held | Entered::Done => Ok(()),
        _ if gave_up => {
            let said = entered.shown();
            Err(breach(format!("asked to stop, enter says {said} within 1 s, without the answer")))
        }
        _ => {
            let said = entered.shown();
            Err(breach(format!("asked to stop, enter says {said}, although the answer came")))
        }
    }?;
    settle(stage, &code)
}

pub(super) fn stopped_without_answer(stage: &Stage) -> Checked {
    if stage.quick {
        return Err(Not::Asked("it takes 20 s"));
    }
    let (server, code) = (stage.server()?, stage.code());
    server.hold_at(Step::Flush);
    let entering = stage.begin_enter(&code, LONG);
    let asked = stop_at_flush(&entering, || server.is_at(Step::Flush));
    let ended = ends_within(&entering, LAST_ANSWER_TIMEOUT + GRACE);
    server.go_on();
    let entered = entering.end()?;
    if !asked {
        return Err(Not::Asked("it does not come to the point where the server waits"));
    }
    if !ended {
        let limit = seconds(LAST_ANSWER_TIMEOUT + GRACE);
        return Err(breach(format!("enter goes on {limit} after it was asked to stop")));
    }
    is_unknown(&entered, LAST_ANSWER_TIMEOUT)?;
    settle(stage, &code)
}

/// Asks it to stop as soon as the server was asked; false if that never happens.
fn stop_at_flush(entering: &Pending<'_, Entered>, at: impl Fn() -> bool) -> bool {
    let asked = wait_for(|| at() || entering.has_ended()) && at();
    entering.stop();
    asked
}

fn ends_within(entering: &Pending<'_, Entered>, time: Duration) -> bool {
    let end = std::time::Instant::now() + time;
    while !entering.has_ended() {
        if std::time::Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

fn is_unknown(entered: &Entered, time: Duration) -> Checked {
    match entered {
        Entered::Unknown(_) => Ok(()),
        other => {
            let (said, time) = (other.shown(), seconds(time));
            Err(breach(format!(
                "enter says {said} after {time} without an answer: the server may still enter, so that is unknown"
            )))
        }
    }
}

/// The server goes on: what was asked of it has its effect late, and can be left.
fn settle(stage: &Stage, code: &Code) -> Checked {
    if !stage.comes_to(|sight| sight.is_held_by(code) || sight.is_closed()) {
        return Err(Not::Asked("the server was not asked in the end"));
    }
    left_truly(stage, code)
}
