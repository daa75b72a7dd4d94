//! The checks for a method that asks the process that has the storage open.

use dsnap_core::Code;
use dsnap_core::method::{Left, Status};

use super::check::{CheckError, CheckResult, EnterEffect, breach};
use super::harness::{Check, Harness};
use super::shared_steps::{confirm_left, enter_and_confirm, leave_and_confirm};
use super::wording::CallResult;
use super::{late_answers, obstacles};
use crate::tree::Tree;

/// The first check: its result decides what the others expect.
type EnterCheck = (&'static str, fn(&Harness) -> CheckResult<EnterEffect>);

pub(super) const ENTER: EnterCheck =
    ("enter returns held or done, and the files confirm it", |harness| {
        enter_and_confirm(harness, &harness.new_code())
    });

pub(super) const CHECKS: &[Check] = &[
    ("status of a free storage changes nothing", status_of_a_free_storage),
    ("status of a storage in a snapshot returns its code, or cannot tell", status_in_a_snapshot),
    ("enter uses every valid code unchanged", any_code),
    ("leave returns left, and the files confirm it", leave_is_true),
    ("leave returns left if there is nothing to leave", leave_is_idempotent),
    ("leave does not depend on what enter remembered", leave_by_second_instance),
    ("leave does not end a snapshot with another code", obstacles::foreign_snapshot_is_not_left),
    ("leave does not return left if the server crashed meanwhile", obstacles::leave_without_server),
    ("enter returns busy during another snapshot or a pack", obstacles::busy),
    ("enter returns unavailable while no server runs", obstacles::unavailable),
    ("status does not report a storage in use as free", obstacles::status_of_a_pack),
    ("enter returns unknown, in time, if no answer comes", late_answers::no_answer),
    ("asked to stop, enter still waits for the answer", late_answers::stopped_with_answer),
    ("asked to stop, enter returns within 20 s", late_answers::stopped_without_answer),
];

fn status_of_a_free_storage(harness: &Harness) -> CheckResult {
    let code = harness.new_code();
    let before = Tree::of(harness.site.path())?;
    let status = harness.status(&code)?;
    if let Some(difference) = before.difference(&Tree::of(harness.site.path())?) {
        return Err(breach(format!("status changed the storage: {difference}")));
    }
    if harness.server()?.code().is_ok_and(|code| code.is_some()) {
        return Err(breach("status entered a snapshot"));
    }
    match status {
        Status::CouldEnter | Status::CannotTell => Ok(()),
        other => Err(breach(format!("status of a free storage returned {}", other.describe()))),
    }
}

fn status_in_a_snapshot(harness: &Harness) -> CheckResult {
    let code = harness.new_code();
    harness.enter(&code)?;
    let status = harness.status(&code)?;
    let files = harness.observe();
    let holds = harness.effect() == EnterEffect::Held;
    if holds && !files.is_held_by(&code) {
        return Err(breach(format!("status ended the snapshot {code}: {files}")));
    }
    match &status {
        Status::Held(held) if held == format!("user/{code}").as_bytes() => Ok(()),
        Status::CouldEnter if !holds => Ok(()),
        Status::Busy(_) | Status::Unavailable(_) | Status::CannotTell => Ok(()),
        other => Err(breach(format!("status returned {}, but {files}", other.describe()))),
    }
}

/// Uses characters that mean something to a shell, to XML and to message formats.
fn any_code(harness: &Harness) -> CheckResult {
    let code = Code::from_bytes(br##"x'"$(exit)&lt;<b>*?[a-z]%41;\`~{}|!#"##);
    let code = code.ok_or(CheckError::NotTried("the code is not valid"))?;
    enter_and_confirm(harness, &code)?;
    leave_and_confirm(harness, &code)
}

fn leave_is_true(harness: &Harness) -> CheckResult {
    let code = harness.new_code();
    harness.enter(&code)?;
    leave_and_confirm(harness, &code)
}

fn leave_is_idempotent(harness: &Harness) -> CheckResult {
    let code = harness.new_code();
    let expect_left = |when: &str, left: &Left| match left {
        Left::Left => Ok(()),
        other => {
            let result = other.describe();
            Err(breach(format!("leave {when} returned {result}, but there was nothing to leave")))
        }
    };
    expect_left("without an enter", &harness.leave(&code)?)?;
    harness.enter(&code)?;
    harness.leave(&code)?;
    expect_left("for the second time", &harness.leave(&code)?)
}

fn leave_by_second_instance(harness: &Harness) -> CheckResult {
    let code = harness.new_code();
    harness.enter(&code)?;
    let left = harness.leave_by_second_instance(&code)?;
    confirm_left(harness, &code, &left)
}
