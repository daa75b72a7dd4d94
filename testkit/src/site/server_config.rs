//! How a simulated server behaves, and where a test can pause it.

use std::time::Duration;

/// The behaviour of a simulated server.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// How many transactions stay in the journal before the server moves the oldest.
    pub backlog: usize,
    /// How long the server takes to move one transaction.
    pub flush_time: Duration,
    /// How many transactions the server commits by itself each second.
    pub commits_per_second: u32,
    /// A clean stop does not empty the journal (`quick_shutdown`).
    pub quick_shutdown: bool,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            backlog: 3,
            flush_time: Duration::ZERO,
            commits_per_second: 0,
            quick_shutdown: false,
        }
    }
}

/// A point at which a test can pause the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Entering: before the journal is moved into `A/`.
    Flush,
    /// Entering: the server knows the code, but `misc/snapshot` does not exist yet.
    CodeSet,
    /// Entering: `misc/snapshot` exists, but `misc/sublock` is still locked.
    MarkWritten,
    /// Leaving: `misc/snapshot` is gone, but `B/` is not yet moved into `A/`.
    Recombine,
}
