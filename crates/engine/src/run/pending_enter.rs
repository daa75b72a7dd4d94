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
use crate::storage::snapshot_file::Content;
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
    let (mut server, mut code_seen) = (Server { seen: true }, None);
    loop {
        let file = snapshot_lock::read_snapshot_file(session.storage)?;
        if file.may_be_held_by(code) {
            let since = *code_seen.get_or_insert_with(Instant::now);
            if is_over(session, since) {
                return Ok(Some(Evidence::Here));
            }
        } else if server.ended(session) {
            let closed = may_close && file.content == Content::Shutdown;
            return Ok(closed.then_some(Evidence::Closed));
        } else if Instant::now() >= until() {
            return Ok(Some(Evidence::Unknown));
        }
        std::thread::sleep(limits::FILE_POLL_INTERVAL);
    }
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
