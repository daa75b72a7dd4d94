//! The checks for a method that needs a storage that no process has open.

use dsnap_core::method::{Entered, Left, Status};

use super::harness::{Answer, Stage, TIME, refused};
use super::{Check, Checked, breach};
use crate::locks::Holder;
use crate::tree::Tree;

pub(super) const CHECKS: &[Check] = &[
    ("status of an open storage is unavailable, or cannot tell", status_of_an_open_storage),
    ("enter of an open storage is unavailable", enter_of_an_open_storage),
    ("status of a closed storage changes nothing", status_of_a_closed_storage),
    ("enter of a crashed storage is done, and that is true", enter_is_true),
    ("enter of a clean storage is done", enter_again),
    ("enter is busy while somebody holds misc/sublock", busy),
    ("asked to stop, enter ends within 20 s, and can be made again", stopped),
    ("leave is left: there is nothing to leave", leave_is_left),
    ("a server opens it afterwards", server_opens_it),
];

/// Does something, and says what is different afterwards.
fn difference<T>(
    stage: &Stage,
    work: impl FnOnce() -> Result<T, super::Not>,
) -> Result<(T, Option<String>), super::Not> {
    let before = Tree::of(stage.site.path())?;
    let done = work()?;
    // Who takes a lock says so in the lock's file, and gives it back.
    let locks = ["misc/lock", "misc/sublock"];
    let after = Tree::of(stage.site.path())?.without(&locks);
    Ok((done, before.without(&locks).difference(&after)))
}

fn status_of_an_open_storage(stage: &Stage) -> Checked {
    let (status, difference) = difference(stage, || stage.status(&stage.code()))?;
    match (status, difference) {
        (_, Some(difference)) => Err(breach(format!("status changes the storage: {difference}"))),
        (Status::Unavailable(_) | Status::CannotTell, None) => Ok(()),
        (other, None) => {
            let said = other.shown();
            Err(breach(format!("status says {said}, though a server has the storage open")))
        }
    }
}

fn enter_of_an_open_storage(stage: &Stage) -> Checked {
    let (entered, difference) = difference(stage, || stage.enter(&stage.code()))?;
    match (entered, difference) {
        (_, Some(difference)) => {
            Err(breach(format!("enter changes a storage that a server has open: {difference}")))
        }
        (Entered::Unavailable(_), None) => Ok(()),
        (other, None) => {
            let said = other.shown();
            Err(breach(format!("enter says {said}, though a server has the storage open")))
        }
    }
}

fn status_of_a_closed_storage(stage: &Stage) -> Checked {
    stage.site.crash_server();
    let (status, difference) = difference(stage, || stage.status(&stage.code()))?;
    match (status, difference) {
        (_, Some(difference)) => Err(breach(format!("status changes the storage: {difference}"))),
        (Status::CouldEnter | Status::CannotTell, None) => Ok(()),
        (other, None) => Err(breach(format!("status of a closed storage says {}", other.shown()))),
    }
}

fn enter_is_true(stage: &Stage) -> Checked {
    stage.site.crash_server();
    is_done(stage)
}

fn enter_again(stage: &Stage) -> Checked {
    stage.site.stop_server()?;
    is_done(stage)?;
    is_done(stage)
}

fn is_done(stage: &Stage) -> Checked {
    let entered = stage.enter(&stage.code())?;
    let sight = stage.sight();
    if entered != Entered::Done {
        return Err(breach(format!("enter says {}, and {sight}", entered.shown())));
    }
    if !sight.is_closed() {
        return Err(breach(format!("enter says done, but {sight}")));
    }
    let verdict = stage.site.ledger()?.verify(&stage.storage().a());
    match verdict.holds() {
        true => Ok(()),
        false => Err(breach(format!("enter says done, but A/ is no snapshot: {verdict}"))),
    }
}

fn busy(stage: &Stage) -> Checked {
    stage.site.stop_server()?;
    let _holder = Holder::hold(&stage.storage().sublock())?;
    match stage.enter(&stage.code())? {
        Entered::Busy(_) => Ok(()),
        other => {
            let said = other.shown();
            Err(breach(format!("enter says {said}, though somebody holds misc/sublock")))
        }
    }
}

fn stopped(stage: &Stage) -> Checked {
    stage.site.crash_server();
    let entering = stage.begin_enter(&stage.code(), TIME);
    entering.stop();
    match entering.end()? {
        Entered::Held => Err(breach("asked to stop, enter says held, which nobody can")),
        // Whether it ended before it was asked or halfway: what it left can be entered.
        _ => is_done(stage),
    }
}

fn leave_is_left(stage: &Stage) -> Checked {
    let code = stage.code();
    let left = |when: &str, left: Left| match left {
        Left::Left => Ok(()),
        other => Err(breach(format!("leave {when} says {}", other.shown()))),
    };
    left("of an open storage", stage.leave(&code)?)?;
    stage.site.stop_server()?;
    stage.enter(&code)?;
    left("after enter", stage.leave(&code)?)?;
    left("for the second time", stage.leave(&code)?)
}

fn server_opens_it(stage: &Stage) -> Checked {
    stage.site.crash_server();
    stage.enter(&stage.code())?;
    let opened =
        stage.site.start_server().and_then(|()| stage.site.server().map_err(refused)?.commit(1));
    opened.map_err(|error| breach(format!("after enter no server can open the storage: {error}")))
}
