//! How a simulated server behaves, and where it can be held.

use std::time::Duration;

/// How a server behaves.
#[derive(Debug, Clone)]
pub struct Manner {
    /// How many transactions wait in the journal before they are moved.
    pub backlog: usize,
    /// How long moving one transaction takes.
    pub flush_time: Duration,
    /// Transactions committed on its own, each second.
    pub commits_per_second: u32,
    /// It closes without a snapshot.
    pub quick_shutdown: bool,
    /// The Zopes in front of it are in debug mode: their faults hold a traceback.
    pub debug_mode: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            backlog: 3,
            flush_time: Duration::ZERO,
            commits_per_second: 0,
            quick_shutdown: false,
            debug_mode: false,
        }
    }
}

/// A place between two steps at which the server can be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Entering: before the journal is moved into `A/`.
    Flush,
    /// Entering: the code is set, `misc/snapshot` is not written.
    CodeSet,
    /// Entering: `misc/snapshot` is written, `misc/sublock` not let go of.
    MarkWritten,
    /// Leaving: `misc/snapshot` is gone, `B/` not yet moved into `A/`.
    Recombine,
}
