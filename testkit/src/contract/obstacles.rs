//! Checks with an obstacle: another snapshot, a pack, no server.

use dsnap_core::method::{Entered, Left, Status};

use super::check::{CheckError, CheckResult, EnterEffect, breach};
use super::harness::Harness;
use super::wording::CallResult;

/// A method that stops the server meets no pack.
const STOPS_SERVER: CheckError = CheckError::NotTried("its enter stops the server");

pub(super) fn foreign_snapshot_is_not_left(harness: &Harness) -> CheckResult {
    let (other, ours) = (harness.new_code(), harness.new_code());
    harness.server()?.enter(other.as_str())?;
    let left = harness.leave(&ours)?;
    let files = harness.observe();
    match files.is_held_by(&other) {
        true => Ok(()),
        false => Err(breach(format!(
            "leave under {ours} returned {}, and it ended the snapshot {other}: {files}",
            left.describe()
        ))),
    }
}

pub(super) fn leave_without_server(harness: &Harness) -> CheckResult {
    let code = harness.new_code();
    harness.enter(&code)?;
    harness.site.crash_server();
    let left = harness.leave(&code)?;
    let files = harness.observe();
    match left {
        Left::Left if files.is_held_by(&code) => Err(breach(format!(
            "leave returned left after the server crashed, but {files}: it must return unavailable"
        ))),
        _ => Ok(()),
    }
}

/// Tries an enter during the method's own snapshot, another tool's, and a pack.
pub(super) fn busy(harness: &Harness) -> CheckResult {
    let (first, other) = (harness.new_code(), harness.new_code());
    harness.enter(&first)?;
    if harness.effect() != EnterEffect::Held {
        return closed_stays_closed(harness);
    }
    confirm_busy(harness)?;
    let files = harness.observe();
    if !files.is_held_by(&first) {
        return Err(breach(format!("a second enter ended the snapshot {first}: {files}")));
    }
    let server = harness.server()?;
    server.leave(first.as_str())?;
    server.wait_until_free();
    server.enter(other.as_str())?;
    confirm_busy(harness)?;
    server.leave(other.as_str())?;
    server.wait_until_free();
    server.pack()?;
    confirm_busy(harness)
}

/// A closed storage has no code, so closing it a second time does no harm.
fn closed_stays_closed(harness: &Harness) -> CheckResult {
    let result = harness.enter(&harness.new_code())?.describe();
    let files = harness.observe();
    match files.is_closed() {
        true => Ok(()),
        false => Err(breach(format!("a second enter returned {result}, and {files}"))),
    }
}

fn confirm_busy(harness: &Harness) -> CheckResult {
    let code = harness.new_code();
    let entered = harness.enter(&code)?;
    let (result, files) = (entered.describe(), harness.observe());
    match entered {
        Entered::Busy(_) => Ok(()),
        Entered::Held | Entered::Done => {
            Err(breach(format!("enter under {code} returned {result}, but {files}")))
        }
        _ => Err(breach(format!("enter returned {result} instead of busy, while {files}"))),
    }
}

pub(super) fn unavailable(harness: &Harness) -> CheckResult {
    harness.site.stop_server()?;
    let entered = harness.enter(&harness.new_code())?;
    let (result, files) = (entered.describe(), harness.observe());
    match entered {
        // A Zope that lost its ZEO server may not know whether the call had an effect.
        Entered::Unavailable(_) | Entered::Refused(_) | Entered::Unknown(_) => Ok(()),
        // A closed storage is a snapshot, even if the method did not close it.
        Entered::Held | Entered::Done if files.is_closed() => Ok(()),
        Entered::Held | Entered::Done => {
            Err(breach(format!("enter returned {result}, but {files}")))
        }
        _ => Err(breach(format!(
            "enter returned {result} instead of unavailable, while no server runs"
        ))),
    }
}

pub(super) fn status_of_a_pack(harness: &Harness) -> CheckResult {
    if harness.effect() != EnterEffect::Held {
        return Err(STOPS_SERVER);
    }
    harness.server()?.pack()?;
    match harness.status(&harness.new_code())? {
        Status::CouldEnter => {
            let files = harness.observe();
            Err(breach(format!("status returned could enter, but {files}")))
        }
        _ => Ok(()),
    }
}
