//! Steps that several checks share: enter or leave, and compare the result with the files.

use dsnap_core::Code;
use dsnap_core::method::{Entered, Left};

use super::check::{CheckResult, EnterEffect, breach};
use super::harness::Harness;
use super::wording::CallResult;

/// Enters a free storage, and compares the result with the files.
pub(super) fn enter_and_confirm(harness: &Harness, code: &Code) -> CheckResult<EnterEffect> {
    let entered = harness.enter(code)?;
    let files = harness.observe();
    let (result, held) = (entered.describe(), files.is_held_by(code));
    let effect = match entered {
        Entered::Held if held => EnterEffect::Held,
        Entered::Held if files.is_closed() => EnterEffect::Closed,
        Entered::Done if files.is_closed() => EnterEffect::Done,
        Entered::Held | Entered::Done => {
            return Err(breach(format!("enter under {code} returned {result}, but {files}")));
        }
        _ if held || files.is_closed() => {
            return Err(breach(format!("enter returned {result}, but it had worked: {files}")));
        }
        _ => return Err(breach(format!("enter of a free storage returned {result}"))),
    };
    let verdict = harness.site.ledger()?.verify(&harness.storage().a());
    match verdict.holds() {
        true => Ok(effect),
        false => {
            Err(breach(format!("enter returned {result}, but A/ is not a snapshot: {verdict}")))
        }
    }
}

/// Leaves the snapshot, and compares the result with the files.
pub(super) fn leave_and_confirm(harness: &Harness, code: &Code) -> CheckResult {
    let left = harness.leave(code)?;
    confirm_left(harness, code, &left)
}

/// Compares the result of a leave with the files.
pub(super) fn confirm_left(harness: &Harness, code: &Code, left: &Left) -> CheckResult {
    let files = harness.observe();
    if *left != Left::Left {
        return Err(breach(format!("leave returned {}, and {files}", left.describe())));
    }
    if files.is_held_by(code) {
        return Err(breach(format!("leave returned left, but {files}")));
    }
    let reopened = || harness.observe_until(|files| !files.is_closed());
    if harness.effect() == EnterEffect::Closed && !reopened() {
        return Err(breach("leave returned left, but the server that enter stopped does not run"));
    }
    Ok(())
}
