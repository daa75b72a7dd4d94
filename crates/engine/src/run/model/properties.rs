//! What always holds, and what the model must be able to reach so that this means something.

use stateright::Property;

use super::site::Site;
use super::state::number;
use super::state::{Entering, File, Holder, Name, Phase, Request, Run, State, Usage, Used, Why};

/// A condition on a state.
type Condition = fn(&Site, &State) -> bool;

/// The promises, by name.
pub(super) const PROMISES: [(&str, Condition); 7] = [
    ("while COMMAND runs, A/ is not written", |_, state| is_frozen(state)),
    ("A/ holds all that was committed before the run entered", |_, state| is_complete(state)),
    ("no two runs hold the storage", |_, state| is_alone(state)),
    ("COMMAND runs in no snapshot of somebody else", |_, state| is_own(state)),
    ("what is held is on record or reported", |_, state| is_known(state)),
    ("an undisturbed run leaves nothing held", |site, state| is_left(site, state)),
    ("no server writes A/ beside its snapshot", |_, state| is_true(state)),
];

/// What is reached.
pub(super) const REACHED: [(&str, Condition); 11] = [
    ("all runs end", |_, state| state.runs.iter().all(|run| run.phase == Phase::Over)),
    ("COMMAND runs in a snapshot that was entered", |_, state| runs_in(state, Used::Entered)),
    ("COMMAND runs in a closed storage", |_, state| runs_in(state, Used::Closed)),
    ("COMMAND runs in a snapshot that is accepted", |_, state| {
        runs_in(state, Used::Accepted { was_open: true })
    }),
    ("COMMAND outlives its run", |_, state| {
        state.runs.iter().any(|run| run.command && run.phase == Phase::Killed)
    }),
    ("what a run left behind is left", |_, state| {
        let orphan = |run: &Run| matches!(run.phase, Phase::LeaveAsked(it) if it.why != Why::End);
        state.server.usage == Usage::Recombining && state.runs.iter().any(orphan)
    }),
    ("an enter that came late is used", |_, state| {
        let late = |run: &Run| matches!(run.phase, Phase::Locking(_, lines) if lines.settled);
        state.runs.iter().any(late)
    }),
    ("an enter may come after its run", |_, state| {
        let over = |run: &Run| run.phase == Phase::Over && run.record.is_some();
        state.runs.iter().any(over) && !state.requests.is_empty()
    }),
    ("a server is started while COMMAND runs", |_, state| {
        state.server.usage == Usage::Startup && runs_in(state, Used::Closed)
    }),
    ("a server cannot write its code", |_, state| {
        state.disk.file == File::Empty && matches!(state.server.usage, Usage::Snapshot(_))
    }),
    ("a run is killed while `direct` moves files", |_, state| {
        let killed = |run: &Run| run.phase == Phase::Killed;
        state.disk.torn && state.runs.iter().any(killed)
    }),
];

/// All of these, for stateright.
pub(super) fn all() -> Vec<Property<Site>> {
    let promises = PROMISES.map(|(name, holds)| Property::always(name, holds));
    let reached = REACHED.map(|(name, reached)| Property::sometimes(name, reached));
    promises.into_iter().chain(reached).collect()
}

fn runs_in(state: &State, used: Used) -> bool {
    state.runs.iter().any(|run| run.phase == Phase::Running(used))
}

/// While COMMAND runs in a snapshot that is reported as fresh, nothing writes to `A/`.
fn is_frozen(state: &State) -> bool {
    let moved = state.runs.iter().any(Run::moves_files);
    !fresh_commands(state).any(|_| state.server.writes() || moved)
}

/// `A/` then contains every transaction that was committed before the run entered, and none by half.
fn is_complete(state: &State) -> bool {
    !fresh_commands(state).any(|run| run.owes || state.disk.torn)
}

/// No two runs hold the storage.
fn is_alone(state: &State) -> bool {
    (0..state.runs.len()).filter(|run| holds(state, *run)).count() < 2
}

/// COMMAND never runs in a snapshot of somebody else unless told to.
fn is_own(state: &State) -> bool {
    state.runs.iter().enumerate().all(|(run, it)| match it.phase {
        Phase::Running(Used::Entered) => {
            [File::User(state.name(run)), File::Shutdown].contains(&state.disk.file)
        }
        Phase::Running(Used::Closed) => state.disk.file == File::Shutdown,
        _ => true,
    })
}

/// What is held for a run, or may come to be, is on record, or the run has said so.
fn is_known(state: &State) -> bool {
    let known = |name: Name| match name {
        Name::Admin => true,
        Name::Run(run, code) => {
            let run = &state.runs[usize::from(run)];
            run.not_left || run.record.is_some_and(|record| record.code == code)
        }
    };
    held(state).all(known)
}

/// After a run that nothing disturbed, nothing is held for it.
fn is_left(site: &Site, state: &State) -> bool {
    let over = |name: Name| matches!(name, Name::Run(run, _) if state.runs[usize::from(run)].phase == Phase::Over);
    let shown = matches!(state.disk.file, File::User(name) if over(name));
    state.disturbances < site.disturbances || !shown && !held(state).any(over)
}

/// A server never writes to `A/` beside a snapshot that it has written into `misc/snapshot`.
fn is_true(state: &State) -> bool {
    let shown = matches!(state.disk.file, File::User(_));
    !(shown && state.server.writes())
}

fn fresh_commands(state: &State) -> impl Iterator<Item = &Run> {
    let fresh = |run: &&Run| matches!(run.phase, Phase::Running(Used::Entered | Used::Closed));
    state.runs.iter().filter(fresh)
}

/// Says whether a run, or its COMMAND, holds the storage: it has locked `misc/sublock`, or has not yet
/// left what COMMAND used.
fn holds(state: &State, run: usize) -> bool {
    let leaves = match state.runs[run].phase {
        Phase::Leaving(leave) | Phase::LeaveAsked(leave) => leave.why == Why::End,
        _ => false,
    };
    leaves || state.disk.sublock == Holder::Run(number(run))
}

/// The snapshots that the server is in, is entering, or is on the way to be asked for.
fn held(state: &State) -> impl Iterator<Item = Name> {
    let current = match state.server.usage {
        Usage::Snapshot(name) => Some(name),
        _ => None,
    };
    let sent = state.requests.iter().filter_map(|request| match request {
        Request::Enter(name) => Some(*name),
        Request::Leave(_) => None,
    });
    current.into_iter().chain(state.server.entering.map(Entering::name)).chain(sent)
}
