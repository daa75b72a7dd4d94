//! The phases of a run. How a run is caught in each is `caught`'s part.

/// A phase of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Another run holds the lock, and this one waits for it.
    Waiting,
    /// It holds its own lock, and has asked nobody.
    OwnLock,
    /// Its connection is accepted, and its first question not answered.
    Asking,
    /// The enter has arrived, and the server has not answered.
    Entering,
    /// The storage is in its snapshot, but it has not locked the sublock.
    Entered,
    /// The sublock is locked, and COMMAND not started.
    Locked,
    /// COMMAND runs.
    Running,
    /// COMMAND has ended, and the sublock is unlocked.
    Unlocking,
    /// The leave is sent, and not answered.
    Leaving,
    /// It waits for a server that recombines.
    Recombining,
}

impl Phase {
    /// All of them, in the order of a run.
    pub(super) const ALL: [Self; 10] = [
        Self::Waiting,
        Self::Recombining,
        Self::OwnLock,
        Self::Asking,
        Self::Entering,
        Self::Entered,
        Self::Locked,
        Self::Running,
        Self::Unlocking,
        Self::Leaving,
    ];

    /// How the table names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting for another run",
            Self::OwnLock => "own lock taken",
            Self::Asking => "asking the server",
            Self::Entering => "entering, no answer yet",
            Self::Entered => "entered, not locked",
            Self::Locked => "locked, before COMMAND",
            Self::Running => "COMMAND running",
            Self::Unlocking => "unlocked, before leaving",
            Self::Leaving => "leaving, no answer yet",
            Self::Recombining => "server recombining",
        }
    }

    /// Says whether the run is stopped after a system call.
    pub(super) fn is_stopped(self) -> bool {
        matches!(self, Self::OwnLock | Self::Entered | Self::Locked | Self::Unlocking)
    }
}
