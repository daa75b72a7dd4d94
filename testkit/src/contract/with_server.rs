//! The checks for a method that works with the process that has the storage open.

use dsnap_core::Code;
use dsnap_core::method::{Entered, Left, Status};

use super::harness::{Answer, Stage};
use super::{Check, Checked, Not, Way, breach, late_answers as time, obstacles as refusals};
use crate::tree::Tree;

/// A check whose end decides what is asked of the others.
type Entering = (&'static str, fn(&Stage) -> Result<Way, Not>);

pub(super) const ENTERING: Entering =
    ("enter ends in held or done, and that is true", |stage| enters_under(stage, &stage.code()));

pub(super) const CHECKS: &[Check] = &[
    ("status of a free storage changes nothing", status_of_a_free_storage),
    ("status of a held storage tells its code, or cannot tell", status_of_a_held_storage),
    ("any code is entered as it is", any_code),
    ("leave ends in left, and that is true", leave_is_true),
    ("leave with nothing to leave is left", leave_is_idempotent),
    ("leave needs nothing that enter remembers", leave_by_another),
    ("leave leaves alone what has another code", refusals::foreign_snapshot_stands),
    ("leave is not left if the server crashed meanwhile", refusals::leave_without_server),
    ("enter is busy while a snapshot or a pack is in the way", refusals::busy),
    ("enter is unavailable while no server runs", refusals::unavailable),
    ("status does not promise what is in use", refusals::status_of_a_pack),
    ("enter without an answer is unknown, in time", time::no_answer),
    ("asked to stop, enter waits on for the answer", time::stopped_with_answer),
    ("asked to stop, enter ends within 20 s", time::stopped_without_answer),
];

/// Enters a free storage, and compares what is said with what is so.
pub(super) fn enters_under(stage: &Stage, code: &Code) -> Result<Way, Not> {
    let entered = stage.enter(code)?;
    let sight = stage.sight();
    let (said, held) = (entered.shown(), sight.is_held_by(code));
    let way = match entered {
        Entered::Held if held => Way::Held,
        Entered::Held if sight.is_closed() => Way::Closed,
        Entered::Done if sight.is_closed() => Way::Done,
        Entered::Held | Entered::Done => {
            return Err(breach(format!("enter says {said}, but {sight}, and the code is {code}")));
        }
        _ if held || sight.is_closed() => {
            return Err(breach(format!("enter says {said}, although it worked: {sight}")));
        }
        _ => return Err(breach(format!("enter of a free storage says {said}"))),
    };
    let verdict = stage.site.ledger()?.verify(&stage.storage().a());
    if !verdict.holds() {
        return Err(breach(format!("enter says {said}, but A/ is no snapshot: {verdict}")));
    }
    Ok(way)
}

fn status_of_a_free_storage(stage: &Stage) -> Checked {
    let code = stage.code();
    let before = Tree::of(stage.site.path())?;
    let status = stage.status(&code)?;
    if let Some(difference) = before.difference(&Tree::of(stage.site.path())?) {
        return Err(breach(format!("status changes the storage: {difference}")));
    }
    if stage.server()?.code().is_ok_and(|code| code.is_some()) {
        return Err(breach("status enters a snapshot"));
    }
    match status {
        Status::CouldEnter | Status::CannotTell => Ok(()),
        other => Err(breach(format!("status of a free storage says {}", other.shown()))),
    }
}

fn status_of_a_held_storage(stage: &Stage) -> Checked {
    let code = stage.code();
    stage.enter(&code)?;
    let status = stage.status(&code)?;
    let sight = stage.sight();
    if stage.way() == Way::Held && !sight.is_held_by(&code) {
        return Err(breach(format!("status ends the snapshot {code}: {sight}")));
    }
    let free = stage.way() != Way::Held;
    match &status {
        Status::Held(held) if held == format!("user/{code}").as_bytes() => Ok(()),
        Status::CouldEnter if free => Ok(()),
        Status::Busy(_) | Status::Unavailable(_) | Status::CannotTell => Ok(()),
        other => Err(breach(format!("status says {}, but {sight}", other.shown()))),
    }
}

/// Letters that mean something to a shell, to XML and to formats of messages.
fn any_code(stage: &Stage) -> Checked {
    let odd = Code::from_bytes(br##"x'"$(exit)&lt;<b>*?[a-z]%41;\`~{}|!#"##);
    let code = odd.ok_or(Not::Asked("there is no such code"))?;
    enters_under(stage, &code)?;
    left_truly(stage, &code)
}

/// Leaves what was entered, and looks whether it is so.
pub(super) fn left_truly(stage: &Stage, code: &Code) -> Checked {
    let left = stage.leave(code)?;
    is_left(stage, code, &left)
}

fn is_left(stage: &Stage, code: &Code, left: &Left) -> Checked {
    if *left != Left::Left {
        let (said, sight) = (left.shown(), stage.sight());
        return Err(breach(format!("leave says {said}, and {sight}")));
    }
    let sight = stage.sight();
    if sight.is_held_by(code) {
        return Err(breach(format!("leave says left, but {sight}")));
    }
    if stage.way() == Way::Closed && !stage.comes_to(|sight| !sight.is_closed()) {
        return Err(breach("leave says left, but the server that enter stopped does not run"));
    }
    Ok(())
}

fn leave_is_true(stage: &Stage) -> Checked {
    let code = stage.code();
    stage.enter(&code)?;
    left_truly(stage, &code)
}

fn leave_is_idempotent(stage: &Stage) -> Checked {
    let code = stage.code();
    let idempotent = |when: &str, left: &Left| match left {
        Left::Left => Ok(()),
        other => {
            let said = other.shown();
            Err(breach(format!("leave {when} says {said}: that there is nothing to leave is left")))
        }
    };
    idempotent("without an enter", &stage.leave(&code)?)?;
    stage.enter(&code)?;
    stage.leave(&code)?;
    idempotent("for the second time", &stage.leave(&code)?)
}

fn leave_by_another(stage: &Stage) -> Checked {
    let code = stage.code();
    stage.enter(&code)?;
    let left = stage.leave_by(&stage.other, &code)?;
    is_left(stage, &code, &left)
}
