//! What the threads of a simulated server share, and how they wait for each other.
//!
//! What each thread does with it is in `snapshot_mode`, `flusher` and `server`.

use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dsnap_engine::system::flock::FileLock;

use super::files::Files;
use super::server_config::{ServerConfig, Step};
use crate::transactions::{History, Transaction};

/// The server's files, its configuration, and its state.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) files: Files,
    pub(super) config: ServerConfig,
    state: Mutex<State>,
    changed: Condvar,
    /// Locked during a commit: commits come one after the other.
    history: Mutex<History>,
}

/// The part that changes.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) commits: Commits,
    pub(super) snapshot: Snapshot,
    pub(super) locks: Locks,
    pub(super) pause: Pause,
    pub(super) disk_full: bool,
    /// A clean stop is in progress.
    pub(super) closing: bool,
    pub(super) ending: bool,
}

/// The transactions that were committed.
#[derive(Debug, Default)]
pub(super) struct Commits {
    /// Those still in the journal, oldest first.
    pub(super) journal: Vec<Transaction>,
    /// How many of the journal are to be moved now.
    pub(super) to_flush: usize,
    /// How many there are in all.
    pub(super) total: usize,
}

/// The kind of Python's strings that a snapshot code is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum CodeKind {
    /// A byte string: each character of the code is a byte.
    #[default]
    Bytes,
    Unicode,
}

impl CodeKind {
    /// Returns what Python's XML parser makes of a code.
    pub(super) fn of_xml(code: &str) -> Self {
        if code.is_ascii() { Self::Bytes } else { Self::Unicode }
    }
}

/// Snapshot mode, as the server sees it.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    /// `user/CODE`, `packing`, `shutdown`, `startup`, `recombining/…`.
    pub(super) code: Option<String>,
    /// The kind of string that the code is, if there is one.
    pub(super) code_kind: CodeKind,
    pub(super) entering: bool,
    /// How many callers want to enter: one does, the others wait for it.
    pub(super) callers: usize,
    /// `B/` is being moved into `A/`.
    pub(super) recombining: bool,
    /// How many times the server has packed.
    pub(super) packs: usize,
}

/// The locks that the server holds.
#[derive(Debug, Default)]
pub(super) struct Locks {
    pub(super) main: Option<FileLock>,
    pub(super) sublock: Option<FileLock>,
}

/// Where a test pauses the server.
#[derive(Debug, Default)]
pub(super) struct Pause {
    pub(super) hold_at: Option<Step>,
    /// Where a thread waits now.
    pub(super) reached: Option<Step>,
}

impl Shared {
    pub(super) fn new(files: Files, config: ServerConfig, state: State, history: History) -> Self {
        let (state, changed) = (Mutex::new(state), Condvar::new());
        Self { files, config, state, changed, history: Mutex::new(history) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a commit in progress, and keeps others out.
    pub(super) fn lock_commits(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the waiting threads that the state has changed.
    pub(super) fn notify(&self) {
        self.changed.notify_all();
    }

    /// Waits as long as a condition holds.
    pub(super) fn wait_while(
        &self,
        condition: impl FnMut(&mut State) -> bool,
    ) -> MutexGuard<'_, State> {
        let waited = self.changed.wait_while(self.state(), condition);
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits as long as a condition holds, but no longer than `limit`; `None` after that.
    pub(super) fn wait_while_at_most(
        &self,
        limit: Duration,
        condition: impl FnMut(&mut State) -> bool,
    ) -> Option<MutexGuard<'_, State>> {
        let waited = self.changed.wait_timeout_while(self.state(), limit, condition);
        let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        (!timeout.timed_out()).then_some(state)
    }

    /// Sleeps; false if the server ends meanwhile.
    pub(super) fn sleep(&self, time: Duration) -> bool {
        self.wait_while_at_most(time, |state| !state.ending).is_none()
    }

    /// Pauses at a step if a test wants that; false if the server ends.
    pub(super) fn pass(&self, step: Step) -> bool {
        let mut state = self.state();
        if state.pause.hold_at == Some(step) {
            state.pause.reached = Some(step);
            drop(state);
            self.notify();
            state = self.wait_while(|state| state.pause.hold_at == Some(step) && !state.ending);
            state.pause.reached = None;
        }
        !state.ending
    }

    /// Commits one transaction to the journal.
    pub(super) fn commit(&self) -> io::Result<()> {
        let mut history = self.lock_commits();
        let state = self.state();
        if state.ending || state.closing {
            return Err(io::Error::other("the server has ended"));
        }
        drop(state);
        let Some(transaction) = history.next() else { return Ok(()) };
        self.files.write_transaction(&transaction)?;
        let mut state = self.state();
        let entering = state.snapshot.entering;
        let commits = &mut state.commits;
        commits.journal.push(transaction);
        commits.total += 1;
        if !entering {
            // An enter waits only for the transactions that were there when it began.
            let surplus = commits.journal.len().saturating_sub(self.config.backlog);
            commits.to_flush = commits.to_flush.max(surplus);
        }
        drop(state);
        self.notify();
        Ok(())
    }
}
