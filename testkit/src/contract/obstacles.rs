//! Checks with something in the way: somebody else's snapshot, a pack, no server.

use dsnap_core::method::{Entered, Left, Status};

use super::harness::{Answer, Stage, refused};
use super::{Checked, Not, Way, breach};

/// Why a method is not asked that stops the server: nothing is in the way of that.
const STOPS: Not = Not::Asked("its enter stops the server");

pub(super) fn foreign_snapshot_stands(stage: &Stage) -> Checked {
    let (other, ours) = (stage.code(), stage.code());
    stage.server()?.enter(other.as_str()).map_err(refused)?;
    let left = stage.leave(&ours)?;
    let sight = stage.sight();
    match sight.is_held_by(&other) {
        true => Ok(()),
        false => Err(breach(format!(
            "leave says {}, and has ended the snapshot {other}, though its code is {ours}: {sight}",
            left.shown()
        ))),
    }
}

pub(super) fn leave_without_server(stage: &Stage) -> Checked {
    let code = stage.code();
    stage.enter(&code)?;
    stage.site.crash_server();
    let left = stage.leave(&code)?;
    let sight = stage.sight();
    match left {
        Left::Left if sight.is_held_by(&code) => Err(breach(format!(
            "leave says left after the server crashed, but {sight}: that is unavailable"
        ))),
        _ => Ok(()),
    }
}

/// The method's own snapshot under another code, then somebody else's, then a pack.
pub(super) fn busy(stage: &Stage) -> Checked {
    let (first, other) = (stage.code(), stage.code());
    stage.enter(&first)?;
    if stage.way() != Way::Held {
        return closed_stays_closed(stage);
    }
    is_busy(stage)?;
    if !stage.sight().is_held_by(&first) {
        let sight = stage.sight();
        return Err(breach(format!("a second enter ends the snapshot {first}: {sight}")));
    }
    let server = stage.server()?;
    server.leave(first.as_str()).map_err(refused)?;
    server.wait_until_free();
    server.enter(other.as_str()).map_err(refused)?;
    is_busy(stage)?;
    server.leave(other.as_str()).map_err(refused)?;
    server.wait_until_free();
    server.pack().map_err(refused)?;
    is_busy(stage)
}

/// A closed storage has no code: whoever closes it again has done it no harm.
fn closed_stays_closed(stage: &Stage) -> Checked {
    let said = stage.enter(&stage.code())?.shown();
    let sight = stage.sight();
    match sight.is_closed() {
        true => Ok(()),
        false => Err(breach(format!("a second enter says {said}, and {sight}"))),
    }
}

fn is_busy(stage: &Stage) -> Checked {
    let code = stage.code();
    let entered = stage.enter(&code)?;
    let (said, sight) = (entered.shown(), stage.sight());
    match entered {
        Entered::Busy(_) => Ok(()),
        Entered::Held | Entered::Done => {
            Err(breach(format!("enter says {said}, but {sight}, and the code is {code}")))
        }
        _ => Err(breach(format!("enter says {said} and not busy, while {sight}"))),
    }
}

pub(super) fn unavailable(stage: &Stage) -> Checked {
    stage.site.stop_server()?;
    let entered = stage.enter(&stage.code())?;
    let (said, sight) = (entered.shown(), stage.sight());
    match entered {
        // Who was asked through somebody else, who lost the server, may not know.
        Entered::Unavailable(_) | Entered::Refused(_) | Entered::Unknown(_) => Ok(()),
        // It is a snapshot, whoever made it one.
        Entered::Held | Entered::Done if sight.is_closed() => Ok(()),
        Entered::Held | Entered::Done => Err(breach(format!("enter says {said}, but {sight}"))),
        _ => Err(breach(format!("enter says {said} and not unavailable, though no server runs"))),
    }
}

pub(super) fn status_of_a_pack(stage: &Stage) -> Checked {
    if stage.way() != Way::Held {
        return Err(STOPS);
    }
    stage.server()?.pack().map_err(refused)?;
    match stage.status(&stage.code())? {
        Status::CouldEnter => {
            let sight = stage.sight();
            Err(breach(format!("status says that it could enter, but {sight}")))
        }
        _ => Ok(()),
    }
}
