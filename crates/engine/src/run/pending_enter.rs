//! An enter without an answer: it may still come.
//!
//! Until it is known to be over, a missing code proves nothing, and leaving could meet the
//! server between the code and `misc/snapshot`: then it would write `A/` beside a snapshot.

use std::time::Instant;

use crate::run::context::Context;
use crate::storage::snapshot_file::{Content, Mark};
use crate::storage::snapshot_lock;
use crate::system::{flock, lock_holders};
use dsnap_core::{Code, Refusal};

use crate::limits;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is over, and had its effect.
    Held,
    /// It is over, and closed the storage.
    Closed,
    /// Its server ended, and it with it.
    Gone,
    /// It may still come.
    Open,
}

/// Watches an enter under `code` until its fate is known, or it is later than `until` says.
///
/// # Errors
///
/// `misc/snapshot` cannot be read.
pub(crate) fn watch(
    context: &Context<'_>,
    code: &Code,
    may_close: bool,
    until: impl Fn() -> Instant,
) -> Result<Fate, Refusal> {
    let (mut server, mut code_seen) = (Server { seen: true }, None);
    loop {
        let mark = snapshot_lock::look_at_mark(context.storage)?;
        if mark.is_held_by(code) {
            let since = *code_seen.get_or_insert_with(Instant::now);
            if is_over(context, &mark, since) {
                return Ok(Fate::Held);
            }
        } else if server.ended(context) {
            let closed = may_close && mark.content == Content::Shutdown;
            return Ok(if closed { Fate::Closed } else { Fate::Gone });
        } else if Instant::now() >= until() {
            return Ok(Fate::Open);
        }
        std::thread::sleep(limits::LOOK);
    }
}

/// The code stands in `misc/snapshot`: over once `misc/sublock` could be locked; of a server that
/// keeps it, after a while.
fn is_over(context: &Context<'_>, mark: &Mark, since: Instant) -> bool {
    let sublock = context.storage.sublock();
    let free = !lock_holders::is_held(&sublock) && flock::is_free(&sublock) == Some(true);
    let while_ago = context.job.settling;
    free || since.elapsed() >= while_ago || mark.age().is_some_and(|age| age >= while_ago)
}

/// Whether the server is seen to hold `misc/lock`.
struct Server {
    seen: bool,
}

impl Server {
    /// Looks again; the lock itself is only tried when the server is not seen any more, once.
    fn ended(&mut self, context: &Context<'_>) -> bool {
        let was_seen =
            std::mem::replace(&mut self.seen, lock_holders::is_held(&context.storage.lock()));
        was_seen && !self.seen && context.lock.is_free() == Some(true)
    }
}
