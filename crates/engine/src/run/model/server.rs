//! The server that may have the storage open, as it was recorded: how it enters, leaves, recombines,
//! starts and ends.
//!
//! A request to leave does not wait for an enter. That is what makes an overtaking leave dangerous.

use super::site::World;
use super::state::{Entering, File, Holder, Name, Request, Server, State, Usage};

/// What the server, or what happens to it, does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Act {
    /// A transaction is committed.
    Commit,
    /// The enter goes on.
    Enter,
    Recombined,
    Pack,
    Packed,
    /// It is started, and removes `misc/snapshot` unless a process holds `misc/sublock`.
    Start,
    /// It closes the storage.
    Stop,
    /// It ends and closes nothing, but `A/` has no half transaction.
    StopWithoutClosing,
    /// It ends at any moment.
    Crash,
}

impl Act {
    pub(super) const ALL: [Self; 9] = [
        Self::Commit,
        Self::Enter,
        Self::Recombined,
        Self::Pack,
        Self::Packed,
        Self::Start,
        Self::Stop,
        Self::StopWithoutClosing,
        Self::Crash,
    ];

    /// Says whether it is possible for a server in this state. The storage may still prevent it.
    pub(super) fn fits(self, server: &Server) -> bool {
        match self {
            Self::Start => !server.up,
            Self::Enter => server.entering.is_some(),
            Self::Recombined => server.usage == Usage::Recombining,
            Self::Pack => server.up && server.usage == Usage::Normal,
            Self::Packed => server.usage == Usage::Packing,
            Self::Commit | Self::Stop | Self::StopWithoutClosing | Self::Crash => server.up,
        }
    }

    /// Says whether it disturbs the runs, rather than being the server's ordinary work.
    pub(super) fn disturbs(self) -> bool {
        matches!(self, Self::Pack | Self::Stop | Self::StopWithoutClosing | Self::Crash)
    }
}

/// What the server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    Done,
    /// An exception: the storage is in use for this.
    InUse(Usage),
    /// An exception: `misc/sublock` is held by another process.
    Locked,
    /// Any other exception.
    Raised,
}

/// An answer, and the request that it belongs to.
pub(super) type Answer = (Request, Reply);

/// Does one thing that fits the server. `None` if the storage prevents it.
pub(super) fn act(state: &mut State, world: &World, act: Act) -> Option<Option<Answer>> {
    let idle = state.server.usage == Usage::Normal && state.server.entering.is_none();
    match act {
        Act::Enter => return go_on_entering(state, world),
        Act::Commit if !state.disk.backlog => state.disk.backlog = true,
        Act::Recombined => {
            state.all_in_a();
            state.server.usage = Usage::Normal;
        }
        Act::Pack if idle && !state.disk.full => {
            (state.server.usage, state.disk.file) = (Usage::Packing, File::Packing);
        }
        Act::Packed => {
            (state.server.usage, state.disk.file) = (Usage::Normal, File::Absent);
        }
        Act::Start => start(state)?,
        Act::Stop => stop(state, world)?,
        Act::StopWithoutClosing if state.server.usage != Usage::Packing => {
            state.disk.backlog = true;
            end(state, world);
        }
        Act::Crash => {
            state.disk.torn |= state.server.writes();
            end(state, world);
        }
        Act::Commit | Act::Pack | Act::StopWithoutClosing => return None,
    }
    Some(None)
}

fn go_on_entering(state: &mut State, world: &World) -> Option<Option<Answer>> {
    let entering = state.server.entering?;
    let done = |name, reply| Some(Some((Request::Enter(name), reply)));
    match entering {
        Entering::Flush(name) => {
            state.all_in_a();
            state.server.usage = Usage::Snapshot(name);
            state.server.entering = Some(Entering::Write(name));
        }
        Entering::Write(name)
            if state.disk.full && world.empty_file_is_own && waits(state, name) =>
        {
            return None;
        }
        Entering::Write(name) if state.disk.full => {
            (state.disk.file, state.server.entering) = (File::Empty, None);
            enters_end(state, world, name);
            return done(name, Reply::Raised);
        }
        Entering::Write(name) => {
            state.disk.file = File::User(name);
            state.server.entering = Some(Entering::Unlock(name));
        }
        Entering::Unlock(name) => {
            if state.disk.sublock == Holder::Server {
                state.disk.sublock = Holder::Free;
            }
            state.server.entering = None;
            enters_end(state, world, name);
            return done(name, Reply::Done);
        }
    }
    Some(None)
}

/// Says whether a request to enter under another name is on its way.
fn waits(state: &State, name: Name) -> bool {
    let other = |it: &Request| matches!(it, Request::Enter(of) if *of != name);
    state.requests.iter().any(other)
}

/// Takes every enter under a name as over.
pub(super) fn enters_end(state: &mut State, world: &World, name: Name) {
    if world.enters_end_together {
        state.requests.retain(|it| *it != Request::Enter(name));
    }
}

fn start(state: &mut State) -> Option<()> {
    if state.openness() == crate::storage::main_lock::Openness::Open {
        return None;
    }
    state.main_lock_taken();
    state.server.up = true;
    if state.disk.sublock == Holder::Free {
        (state.disk.sublock, state.disk.file) = (Holder::Server, File::Absent);
        state.server.usage = Usage::Normal;
        state.all_in_a();
    } else {
        state.server.usage = Usage::Startup;
    }
    Some(())
}

/// Closes the storage: only a server that is in no snapshot marks `A/` as complete.
fn stop(state: &mut State, world: &World) -> Option<()> {
    let entering = state.server.entering.is_some();
    match state.server.usage {
        Usage::Normal if !entering && !state.disk.full => {
            state.all_in_a();
            state.disk.file = File::Shutdown;
        }
        Usage::Snapshot(_) | Usage::Startup => {}
        Usage::Normal | Usage::Recombining | Usage::Packing => return None,
    }
    end(state, world);
    Some(())
}

/// Ends the process. What was sent to it and not yet read is lost with it.
fn end(state: &mut State, world: &World) {
    state.server.up = false;
    (state.server.usage, state.server.entering) = (Usage::Normal, None);
    if world.requests_end_with_server {
        state.requests.clear();
    }
    if state.disk.sublock == Holder::Server {
        state.disk.sublock = Holder::Free;
    }
}

/// Lets a request reach the server. A second enter waits for the first.
pub(super) fn arrive(state: &mut State, world: &World, request: Request) -> Option<Option<Answer>> {
    let place = state.requests.iter().position(|it| *it == request)?;
    let waits = matches!(request, Request::Enter(_)) && state.server.entering.is_some();
    if !state.server.up || waits {
        return None;
    }
    state.requests.remove(place);
    Some(match request {
        Request::Enter(name) => enter(state, name).map(|reply| (request, reply)),
        Request::Leave(name) => {
            let reply = leave(state, name);
            if reply == Reply::Done {
                enters_end(state, world, name);
            }
            Some((request, reply))
        }
    })
}

/// Begins an enter. An answer comes at once only if it fails.
pub(super) fn enter(state: &mut State, name: Name) -> Option<Reply> {
    if state.server.usage != Usage::Normal {
        return Some(Reply::InUse(state.server.usage));
    }
    state.server.entering = Some(Entering::Flush(name));
    None
}

/// Leaves. The server locks `misc/sublock` before it looks at the code.
pub(super) fn leave(state: &mut State, name: Name) -> Reply {
    if !matches!(state.disk.sublock, Holder::Free | Holder::Server) {
        return Reply::Locked;
    }
    state.disk.sublock = Holder::Server;
    if state.server.usage != Usage::Snapshot(name) {
        return Reply::Raised;
    }
    (state.server.usage, state.disk.file) = (Usage::Recombining, File::Absent);
    Reply::Done
}
