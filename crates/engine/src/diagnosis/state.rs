//! The state of a storage: a table over its lock, `misc/snapshot` and what is not in `A/`.
//!
//! `docs/monitoring.md` explains each state to users.

use crate::diagnosis::facts::Facts;
use crate::storage::Leftovers;
use crate::storage::main_lock::Openness;
use crate::storage::snapshot_file::Content;

/// The state of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No server has it open, and it was closed cleanly.
    Closed,
    /// It was closed, but transactions ended meanwhile that are not in `A/`.
    ClosedIncomplete,
    /// No server has it open, and none has closed it.
    Crashed,
    /// Its server ended while it was in a snapshot, which is stale now.
    LeftInSnapshot,
    /// Its server ended while it packed.
    CrashedPacking,
    /// A server has it open and writes to `A/`.
    Running,
    /// A server has it open and is in a snapshot.
    InSnapshot,
    /// A server packs it.
    Packing,
    /// Its server merges `B/` back into `A/` after a snapshot.
    Recombining,
    /// Its server was started while a tool held `misc/sublock`: it cannot write to `A/` until it is
    /// restarted.
    Stuck,
    /// `misc/snapshot` is empty, or says something unknown.
    Broken,
}

/// Finds out the state. `busy` says whether the server reports that it is busy.
pub(super) fn state(facts: &Facts, busy: bool) -> State {
    // The server that wrote `misc/snapshot` has ended then, and the one that has the storage open now
    // found the snapshot in use when it started.
    let restarted = facts.restarted;
    let leftovers = facts.leftovers.unwrap_or_default();
    of(facts.server.openness(), &facts.file.content, leftovers, restarted, busy)
}

fn of(
    openness: Openness,
    content: &Content,
    left: Leftovers,
    restarted: bool,
    busy: bool,
) -> State {
    let open = openness == Openness::Open;
    match content {
        Content::Empty | Content::NotAFile | Content::Other(_) => State::Broken,
        Content::Shutdown if open => State::Stuck,
        Content::User(_) | Content::Packing if open && restarted => State::Stuck,
        Content::User(_) if open => State::InSnapshot,
        Content::Packing if open => State::Packing,
        Content::Absent if open && busy => State::Recombining,
        Content::Absent if open => State::Running,
        Content::Shutdown if left.is_none() => State::Closed,
        Content::Shutdown => State::ClosedIncomplete,
        Content::User(_) => State::LeftInSnapshot,
        Content::Packing => State::CrashedPacking,
        Content::Absent => State::Crashed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Leftovers = Leftovers { done: false, in_b: false, replica: false };
    const DONE: Leftovers = Leftovers { done: true, ..NONE };

    #[test]
    fn each_row_of_the_table_is_one_state() {
        use Openness::{Closed, Open, Unknown};
        let user = || Content::of(b"user/x");
        #[rustfmt::skip]
        let table = [
            // openness, misc/snapshot, not in A/, restarted, busy, state
            (Closed, Content::Shutdown, NONE, false, false, State::Closed),
            (Closed, Content::Shutdown, DONE, false, false, State::ClosedIncomplete),
            (Closed, Content::Absent, DONE, false, false, State::Crashed),
            (Closed, user(), DONE, false, false, State::LeftInSnapshot),
            (Closed, Content::Packing, NONE, false, false, State::CrashedPacking),
            (Closed, Content::Empty, NONE, false, false, State::Broken),
            (Open, Content::Absent, DONE, false, false, State::Running),
            (Open, Content::Absent, DONE, false, true, State::Recombining),
            (Open, user(), DONE, false, false, State::InSnapshot),
            (Open, user(), DONE, false, true, State::InSnapshot),
            (Open, Content::Packing, DONE, false, true, State::Packing),
            (Open, user(), DONE, true, false, State::Stuck),
            (Open, Content::Shutdown, NONE, true, false, State::Stuck),
            (Open, Content::Packing, NONE, true, false, State::Stuck),
            (Open, Content::Empty, NONE, false, false, State::Broken),
            (Open, Content::of(b"?"), NONE, false, false, State::Broken),
            (Unknown, Content::Shutdown, NONE, false, false, State::Closed),
            (Unknown, Content::Absent, NONE, false, false, State::Crashed),
        ];
        for (openness, content, left, restarted, busy, state) in table {
            let row = format!("{openness:?}, {content}, {left:?}, {restarted}, {busy}");
            assert_eq!(of(openness, &content, left, restarted, busy), state, "{row}");
        }
    }
}
