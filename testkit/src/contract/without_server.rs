//! The checks for a method that needs a storage that no process has open.

use dsnap_core::method::{Entered, Left, Status};

use super::check::{CheckResult, breach};
use super::harness::{CALL_TIMEOUT, Check, Harness, server_error};
use super::wording::CallResult;
use crate::locks::Holder;
use crate::tree::Tree;

pub(super) const CHECKS: &[Check] = &[
    ("status of an open storage returns unavailable, or cannot tell", status_of_an_open_storage),
    ("enter of an open storage returns unavailable", enter_of_an_open_storage),
    ("status of a closed storage changes nothing", status_of_a_closed_storage),
    ("enter of a crashed storage returns done, and the files confirm it", enter_is_true),
    ("enter of a cleanly closed storage returns done", enter_again),
    ("enter returns busy while another process holds misc/sublock", busy),
    ("asked to stop, enter returns within 20 s and can be repeated", stopped),
    ("leave returns left: there is nothing to leave", leave_is_left),
    ("a server can open the storage afterwards", server_opens_it),
];

/// Calls the method, and returns its result and the first change to the storage's files.
fn with_difference<T>(
    harness: &Harness,
    call: impl FnOnce() -> CheckResult<T>,
) -> CheckResult<(T, Option<String>)> {
    let before = Tree::of(harness.site.path())?;
    let result = call()?;
    // Locking a file writes the process number into it, which is allowed.
    let locks = ["misc/lock", "misc/sublock"];
    let after = Tree::of(harness.site.path())?.without(&locks);
    Ok((result, before.without(&locks).difference(&after)))
}

fn status_of_an_open_storage(harness: &Harness) -> CheckResult {
    let code = harness.new_code();
    match with_difference(harness, || harness.status(&code))? {
        (_, Some(difference)) => Err(breach(format!("status changed the storage: {difference}"))),
        (Status::Unavailable(_) | Status::CannotTell, None) => Ok(()),
        (other, None) => {
            let result = other.describe();
            Err(breach(format!("status returned {result}, but a server has the storage open")))
        }
    }
}

fn enter_of_an_open_storage(harness: &Harness) -> CheckResult {
    let code = harness.new_code();
    match with_difference(harness, || harness.enter(&code))? {
        (_, Some(difference)) => {
            Err(breach(format!("enter changed a storage that a server has open: {difference}")))
        }
        (Entered::Unavailable(_), None) => Ok(()),
        (other, None) => {
            let result = other.describe();
            Err(breach(format!("enter returned {result}, but a server has the storage open")))
        }
    }
}

fn status_of_a_closed_storage(harness: &Harness) -> CheckResult {
    harness.site.crash_server();
    let code = harness.new_code();
    match with_difference(harness, || harness.status(&code))? {
        (_, Some(difference)) => Err(breach(format!("status changed the storage: {difference}"))),
        (Status::CouldEnter | Status::CannotTell, None) => Ok(()),
        (other, None) => {
            Err(breach(format!("status of a closed storage returned {}", other.describe())))
        }
    }
}

fn enter_is_true(harness: &Harness) -> CheckResult {
    harness.site.crash_server();
    enter_and_confirm_done(harness)
}

fn enter_again(harness: &Harness) -> CheckResult {
    harness.site.stop_server()?;
    enter_and_confirm_done(harness)?;
    enter_and_confirm_done(harness)
}

fn enter_and_confirm_done(harness: &Harness) -> CheckResult {
    let entered = harness.enter(&harness.new_code())?;
    let files = harness.observe();
    if entered != Entered::Done {
        return Err(breach(format!("enter returned {}, and {files}", entered.describe())));
    }
    if !files.is_closed() {
        return Err(breach(format!("enter returned done, but {files}")));
    }
    let verdict = harness.site.ledger()?.verify(&harness.storage().a());
    match verdict.holds() {
        true => Ok(()),
        false => Err(breach(format!("enter returned done, but A/ is not a snapshot: {verdict}"))),
    }
}

fn busy(harness: &Harness) -> CheckResult {
    harness.site.stop_server()?;
    let _holder = Holder::hold(&harness.storage().sublock())?;
    match harness.enter(&harness.new_code())? {
        Entered::Busy(_) => Ok(()),
        other => {
            let result = other.describe();
            Err(breach(format!("enter returned {result}, but another process holds misc/sublock")))
        }
    }
}

fn stopped(harness: &Harness) -> CheckResult {
    harness.site.crash_server();
    let entering = harness.begin_enter(&harness.new_code(), CALL_TIMEOUT);
    entering.stop();
    match entering.finish()? {
        Entered::Held => {
            Err(breach("enter returned held, but no server can hold a closed storage"))
        }
        // It may have ended before it was asked, or halfway. Either way the next enter works.
        _ => enter_and_confirm_done(harness),
    }
}

fn leave_is_left(harness: &Harness) -> CheckResult {
    let code = harness.new_code();
    let expect_left = |when: &str, left: Left| match left {
        Left::Left => Ok(()),
        other => Err(breach(format!("leave {when} returned {}", other.describe()))),
    };
    expect_left("of an open storage", harness.leave(&code)?)?;
    harness.site.stop_server()?;
    harness.enter(&code)?;
    expect_left("after enter", harness.leave(&code)?)?;
    expect_left("for the second time", harness.leave(&code)?)
}

fn server_opens_it(harness: &Harness) -> CheckResult {
    harness.site.crash_server();
    harness.enter(&harness.new_code())?;
    let server = || harness.site.server().map_err(server_error);
    let opened = harness.site.start_server().and_then(|()| server()?.commit(1));
    opened.map_err(|error| breach(format!("after enter, no server can open the storage: {error}")))
}
