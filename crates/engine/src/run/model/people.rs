//! People and programs besides the runs: an administrator, a full disk, a kill.

use super::server::{self, Reply};
use super::site::World;
use super::state::{Disk, File, Holder, Name, Phase, State, number};

/// What they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Deed {
    /// The administrator enters a snapshot by hand.
    Enter,
    /// The administrator leaves by hand whatever snapshot is seen, also that of a run.
    Leave,
    /// Somebody locks `misc/sublock`.
    Lock,
    Unlock,
    DiskFills,
    DiskIsCleared,
}

impl Deed {
    pub(super) const ALL: [Self; 6] =
        [Self::Enter, Self::Leave, Self::Lock, Self::Unlock, Self::DiskFills, Self::DiskIsCleared];

    /// Says whether it is possible with a storage in this state. The server may still prevent it.
    pub(super) fn fits(self, disk: &Disk) -> bool {
        match self {
            Self::Enter => true,
            Self::Leave => matches!(disk.file, File::User(_)),
            Self::Lock => disk.sublock == Holder::Free,
            Self::Unlock => disk.sublock == Holder::Admin,
            Self::DiskFills => !disk.full,
            Self::DiskIsCleared => disk.full,
        }
    }

    pub(super) fn disturbs(self) -> bool {
        !matches!(self, Self::Unlock | Self::DiskIsCleared)
    }
}

/// Does what fits the storage. `None` if the server prevents it.
pub(super) fn act(state: &mut State, world: &World, deed: Deed) -> Option<()> {
    let waits = !state.server.up || state.server.entering.is_some();
    match (deed, state.disk.file) {
        (Deed::Enter | Deed::Leave, _) if waits || !world.administrator => return None,
        (Deed::Enter, _) => server::enter(state, Name::Admin).is_none().then_some(())?,
        (Deed::Leave, File::User(name)) => {
            if server::leave(state, name) == Reply::Done {
                server::enters_end(state, world, name);
            }
        }
        (Deed::Leave, _) => return None,
        (Deed::Lock, _) => state.disk.sublock = Holder::Admin,
        (Deed::Unlock, _) => state.disk.sublock = Holder::Free,
        (Deed::DiskFills, _) => state.disk.full = true,
        (Deed::DiskIsCleared, _) => state.disk.full = false,
    }
    Some(())
}

/// Kills a run with SIGKILL. Its COMMAND lives on, and keeps `misc/sublock`.
pub(super) fn kill(state: &mut State, run: usize) -> Option<()> {
    (!matches!(state.runs[run].phase, Phase::Over | Phase::Killed)).then_some(())?;
    state.runs[run].phase = Phase::Killed;
    release(state, run);
    Some(())
}

/// Frees `misc/sublock` if no process of a killed run is left.
fn release(state: &mut State, run: usize) {
    if !state.runs[run].command && state.disk.sublock == Holder::Run(number(run)) {
        state.disk.sublock = Holder::Free;
    }
}

/// Lets COMMAND end.
pub(super) fn command_ends(state: &mut State, run: usize) -> Option<()> {
    state.runs[run].command.then_some(())?;
    state.runs[run].command = false;
    match state.runs[run].phase {
        Phase::Running(used) => state.runs[run].phase = Phase::Ended(used),
        _ => release(state, run),
    }
    Some(())
}
