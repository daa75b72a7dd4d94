//! A simulated server process of a storage: real locks, real files, and every content that
//! `misc/snapshot` can have.
//!
//! It behaves as DirectoryStorage 1.1.21 does: commits go through the journal, and one thread
//! moves them into `A/` (or `B/` in snapshot mode). Entering waits for that thread; after leaving,
//! it recombines. A test can pause the server between any two steps, so that races are played
//! and not left to chance.
//!
//! Dependencies point down this list only: `server`, `flusher` and `snapshot_mode`, `shared`,
//! `files`, `server_error` and `server_config`.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use dsnap_engine::storage::Storage;
use dsnap_engine::system::flock::FileLock;

use super::files::Files;
use super::flusher;
use super::server_config::{ServerConfig, Step};
use super::server_error::ServerError;
use super::shared::{CodeKind, Commits, Locks, Shared, Snapshot, State};
use crate::marker::Marker;

/// How long a test waits for the server at most.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A running simulated server. Dropping it is a crash.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// How much has happened to the objects of a storage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct News {
    /// How many transactions were committed.
    pub(super) commits: usize,
    /// How many times the server has packed since it was started.
    pub(super) packs: usize,
}

impl News {
    fn of(state: &State) -> Self {
        Self { commits: state.commits.total, packs: state.snapshot.packs }
    }
}

impl Server {
    /// Opens the storage as a starting server process does: it rolls the storage forward. If another
    /// process holds `misc/sublock`, only into `B/`, and its code is `startup`.
    ///
    /// # Errors
    ///
    /// Another server has the storage open, or a file cannot be written.
    pub fn start(storage: &Storage, config: ServerConfig) -> io::Result<Self> {
        // A storage without a marker was not made here: nothing is moved in it.
        Marker::read(storage.root())?;
        let files = Files::of(storage)?;
        let main = FileLock::take(&storage.lock())
            .map_err(|_| io::Error::other("another server has this storage open"))?;
        let sublock = FileLock::take(&storage.sublock()).ok();
        let was_closed = Marker::is_shut_down(storage);
        let mut snapshot = Snapshot::default();
        if sublock.is_some() {
            files.recover()?;
        } else {
            files.empty_journal_into_b()?;
            snapshot.code = Some("startup".to_owned());
        }
        Marker::change(storage, |marker| marker.opened(was_closed))?;
        let history = files.history()?;
        let commits = Commits { total: history.transactions(), ..Commits::default() };
        let locks = Locks { main: Some(main), sublock };
        let state = State { commits, snapshot, locks, ..State::default() };
        let shared = Arc::new(Shared::new(files, config, state, history));
        let threads = flusher::start(&shared);
        Ok(Self { shared, threads: Mutex::new(threads) })
    }

    /// Commits a number of transactions.
    ///
    /// # Errors
    ///
    /// The server has ended, or a file cannot be written.
    pub fn commit(&self, count: usize) -> io::Result<()> {
        (0..count).try_for_each(|_| self.shared.commit())
    }

    /// Returns how many transactions were committed.
    pub fn committed(&self) -> usize {
        self.shared.state().commits.total
    }

    /// Waits until that many transactions were committed; false after a minute or if the server
    /// ends.
    pub fn wait_for_commits(&self, count: usize) -> bool {
        let state = self
            .shared
            .wait_while_at_most(TEST_TIMEOUT, |state| state.commits.total < count && !state.ending);
        state.is_some_and(|state| state.commits.total >= count)
    }

    /// Returns what a ZEO server tells its clients about.
    pub(super) fn news(&self) -> News {
        News::of(&self.shared.state())
    }

    /// Waits for a commit or the end of a pack after `seen`; `None` if the server ends.
    pub(super) fn wait_for_news(&self, seen: News) -> Option<News> {
        let state = self.shared.wait_while(|state| News::of(state) == seen && !state.ending);
        (!state.ending).then(|| News::of(&state))
    }

    /// Waits until the server ends.
    pub(super) fn wait_for_end(&self) {
        drop(self.shared.wait_while(|state| !state.ending));
    }

    /// Waits for a time; true if the server ends meanwhile.
    pub(super) fn ends_within(&self, time: Duration) -> bool {
        !self.shared.sleep(time)
    }

    /// Returns the code, as `currentSnapshotCode` does.
    ///
    /// # Errors
    ///
    /// The server has ended.
    pub fn code(&self) -> Result<Option<String>, ServerError> {
        self.code_and_kind().map(|code| code.map(|(code, _)| code))
    }

    /// Returns the code, and the kind of string that it is.
    pub(super) fn code_and_kind(&self) -> Result<Option<(String, CodeKind)>, ServerError> {
        let state = self.shared.state();
        let snapshot = &state.snapshot;
        if state.ending {
            return Err(ServerError::Ended);
        }
        Ok(snapshot.code.clone().map(|code| (code, snapshot.code_kind)))
    }

    /// Enters a snapshot: moves the journal into `A/`, sets the code, writes `misc/snapshot`,
    /// unlocks `misc/sublock`. A second enter waits for the first.
    ///
    /// # Errors
    ///
    /// The storage is in another snapshot, the code is not ASCII, or the server ends.
    pub fn enter(&self, code: &str) -> Result<(), ServerError> {
        self.enter_as(code, CodeKind::of_xml(code))
    }

    /// Enters under a code that is this kind of string.
    pub(super) fn enter_as(&self, code: &str, kind: CodeKind) -> Result<(), ServerError> {
        self.shared.enter(&format!("user/{code}"), kind)?;
        self.shared.state().locks.sublock = None;
        Ok(())
    }

    /// Leaves a snapshot: locks `misc/sublock` first, then compares the codes.
    ///
    /// # Errors
    ///
    /// Another process holds `misc/sublock`, or the snapshot has another code.
    pub fn leave(&self, code: &str) -> Result<(), ServerError> {
        self.shared.leave(&format!("user/{code}"))
    }

    /// Begins to pack, until [`end_packing`](Self::end_packing).
    ///
    /// # Errors
    ///
    /// The storage is in a snapshot, or the server ends.
    pub fn pack(&self) -> Result<(), ServerError> {
        self.shared.enter("packing", CodeKind::Bytes)
    }

    /// Ends packing.
    ///
    /// # Errors
    ///
    /// The server is not packing.
    pub fn end_packing(&self) -> Result<(), ServerError> {
        self.shared.leave("packing")?;
        self.shared.state().snapshot.packs += 1;
        self.shared.notify();
        Ok(())
    }

    /// Makes writing `misc/snapshot` fail as on a full disk, or work again.
    pub fn fill_disk(&self, full: bool) {
        self.shared.state().disk_full = full;
    }

    /// Pauses the next thread that comes to `step`, until [`go_on`](Self::go_on).
    pub fn hold_at(&self, step: Step) {
        self.shared.state().pause.hold_at = Some(step);
    }

    /// Waits until a thread pauses at the step; false after a minute or if the server ends.
    pub fn wait_at(&self, step: Step) -> bool {
        let state = self.shared.wait_while_at_most(TEST_TIMEOUT, |state| {
            state.pause.reached != Some(step) && !state.ending
        });
        state.is_some_and(|state| !state.ending)
    }

    /// Waits until that many callers want to enter at the same time; false after a minute or if the
    /// server ends.
    pub fn wait_for_callers(&self, count: usize) -> bool {
        let state = self.shared.wait_while_at_most(TEST_TIMEOUT, |state| {
            state.snapshot.callers < count && !state.ending
        });
        state.is_some_and(|state| state.snapshot.callers >= count)
    }

    /// Tells whether a thread pauses at the step now.
    pub fn is_at(&self, step: Step) -> bool {
        self.shared.state().pause.reached == Some(step)
    }

    /// Lets a paused thread go on.
    pub fn go_on(&self) {
        self.shared.state().pause.hold_at = None;
        self.shared.notify();
    }

    /// Waits until the server has left snapshot mode and recombined, or has ended.
    ///
    /// # Panics
    ///
    /// That takes longer than a minute: a test that waits must fail at some time.
    #[track_caller]
    pub fn wait_until_free(&self) {
        let state = self.shared.wait_while_at_most(TEST_TIMEOUT, |state| {
            state.snapshot.code.is_some() && !state.ending
        });
        assert!(state.is_some(), "the simulated server is still in a snapshot after a minute");
    }

    /// Waits until no caller enters or leaves any more; returns the code of the snapshot that
    /// remains, broken or not.
    pub(super) fn remaining_snapshot(&self) -> Option<String> {
        let state = self.shared.wait_while(|state| {
            (state.snapshot.callers > 0 || state.snapshot.recombining) && !state.ending
        });
        // `startup` is no snapshot: the server waits to be started again.
        let code = state.snapshot.code.clone();
        code.filter(|code| code.starts_with("user/") || code == "packing")
    }

    /// Stops the server cleanly, as the process does at its end: outside of a snapshot it moves
    /// everything into `A/` and writes `shutdown` to `misc/snapshot`; in a snapshot it changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn stop(&self) -> io::Result<()> {
        let quick = self.shared.config.quick_shutdown;
        if !quick {
            // A commit in progress ends first, so that the snapshot contains everything.
            let commits = self.shared.lock_commits();
            self.shared.state().closing = true;
            drop(commits);
        }
        // In a snapshot this is refused, and that is how the real server ends, too.
        let closed = if quick { Ok(()) } else { self.shared.enter("shutdown", CodeKind::Bytes) };
        self.crash();
        match closed {
            Err(ServerError::DiskFull) => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    /// Ends the server at once: every file stays as it is at this moment.
    pub fn crash(&self) {
        self.shared.state().ending = true;
        self.shared.notify();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            let _ = thread.join();
        }
        // A commit in progress ends first, and so does an enter. Then the locks go, as at the end of a process.
        drop(self.shared.wait_while(|state| state.snapshot.callers > 0));
        let commits = self.shared.lock_commits();
        let mut state = self.shared.state();
        if state.locks.main.is_some() {
            // Without a storage directory there is no marker to write.
            let end = Some(state.commits.total);
            let _ = Marker::change(&self.shared.files.storage, |marker| marker.end = end);
        }
        state.locks = Locks::default();
        drop((state, commits));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.crash();
    }
}
