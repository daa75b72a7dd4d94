//! An enter without an answer: it may still come.
//!
//! Until the enter is known to be over, a missing code proves nothing. A leave that reaches the
//! server between the code and `misc/snapshot` would succeed, and the server would then write `A/`
//! beside a snapshot.

use std::time::Instant;

use dsnap_core::{Code, Reason};

use crate::limits;
use crate::record::evidence::Evidence;
use crate::run::session::Session;
use crate::storage::main_lock::Openness;
use crate::storage::snapshot_file::{Content, SnapshotFile};
use crate::storage::snapshot_lock;
use crate::system::flock::{self, LockState};
use crate::system::lock_holders;

/// Waits for an enter under `code` until its effect is known, or the time that `until` returns has
/// come. [`Evidence::Unknown`] means that it may still come; `None` that its server ended, and the
/// enter with it.
///
/// # Errors
///
/// `misc/snapshot` cannot be read.
pub(crate) fn wait(
    session: &Session<'_>,
    code: &Code,
    may_close: bool,
    until: impl Fn() -> Instant,
) -> Result<Option<Evidence>, Reason> {
    let (mut server, mut code_seen) = (Server { seen: true }, None::<Instant>);
    loop {
        let file = snapshot_lock::read_snapshot_file(session.storage)?;
        let is_shown = file.may_be_held_by(code);
        if is_shown {
            code_seen.get_or_insert_with(Instant::now);
        }
        let over = || code_seen.is_some_and(|since| is_over(session, since));
        if let Some(effect) = effect(&file, code, may_close, over, || server.ended(session)) {
            return Ok(effect);
        }
        if !is_shown && Instant::now() >= until() {
            return Ok(Some(Evidence::Unknown));
        }
        std::thread::sleep(limits::FILE_POLL_INTERVAL);
    }
}

/// Returns the effect of an enter, if it is known: it has written `misc/snapshot` and is over, or its
/// server has ended.
pub(super) fn effect(
    file: &SnapshotFile,
    code: &Code,
    may_close: bool,
    is_over: impl FnOnce() -> bool,
    has_ended: impl FnOnce() -> bool,
) -> Option<Option<Evidence>> {
    if file.may_be_held_by(code) {
        return is_over().then_some(Some(Evidence::Here));
    }
    let closed = may_close && file.content == Content::Shutdown;
    has_ended().then_some(closed.then_some(Evidence::Closed))
}

/// Says whether an enter is over that has written `misc/snapshot`, or has failed to, as was seen at
/// `since`: once `misc/sublock` is free, or after a while if the server keeps it. The time of the file
/// says nothing about that: it may come from another clock.
fn is_over(session: &Session<'_>, since: Instant) -> bool {
    let (storage, sublock) = (session.storage, session.storage.sublock());
    let tried = || flock::try_state(&storage.folders().misc, snapshot_lock::SUBLOCK);
    let free = !lock_holders::is_held(&sublock) && tried() == LockState::Free;
    free || since.elapsed() >= session.job.timing.pending_enter
}

/// Whether the server is seen to hold `misc/lock`.
struct Server {
    seen: bool,
}

impl Server {
    /// Looks again. The lock itself is tried only once, when the server is no longer seen.
    fn ended(&mut self, session: &Session<'_>) -> bool {
        let seen = lock_holders::is_held(&session.storage.lock());
        let was_seen = std::mem::replace(&mut self.seen, seen);
        was_seen && !seen && session.openness() == Openness::Closed
    }
}
