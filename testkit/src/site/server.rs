//! A simulated server process of a storage: real locks, real files, and every state that
//! `misc/snapshot` can say.
//!
//! It behaves as DirectoryStorage 1.1.21 does: commits go through the journal, one thread moves
//! them into `A/` (or `B/` in a snapshot), entering waits for that thread, leaving recombines
//! on it. It can be held between any two steps, so that races are played and not hoped for.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use dsnap_engine::storage::Storage;
use dsnap_engine::system::flock::FileLock;

use super::files::Files;
use super::flusher;
use super::server_config::{Manner, Step};
use crate::marker::Marker;
use crate::transactions::{History, Transaction};

/// Why the server did not do something, as the toolkit's faults say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The storage is in another snapshot: its code.
    InUse(String),
    /// Not the code of the snapshot: the given one, and the real one if there is one.
    BadCode(String, Option<String>),
    /// Somebody else holds `misc/sublock`.
    SublockHeld,
    /// This code is not ASCII: the snapshot is broken now.
    NotAscii(String),
    /// A full disk: the snapshot is broken now.
    DiskFull,
    /// The server has ended.
    Ended,
}

/// A running simulated server. Dropping it is a crash.
#[derive(Debug)]
pub struct Server {
    pub(super) shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the server's threads share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) files: Files,
    pub(super) manner: Manner,
    state: Mutex<State>,
    changed: Condvar,
    committing: Mutex<History>,
}

/// What changes.
#[derive(Debug, Default)]
pub(super) struct State {
    /// `user/CODE`, `packing`, `shutdown`, `startup`, `recombining/…`.
    pub(super) code: Option<String>,
    /// Committed, and still in the journal; oldest first.
    pub(super) journal: Vec<Transaction>,
    /// How many of `journal` are to be moved at once.
    pub(super) wanted: usize,
    /// `B/` is to be moved into `A/`.
    pub(super) recombining: bool,
    pub(super) entering: bool,
    /// How many want to enter: one does, the others wait for it.
    pub(super) enters: usize,
    /// A clean stop goes on.
    closing: bool,
    pub(super) disk_full: bool,
    pub(super) committed: usize,
    lock: Option<FileLock>,
    pub(super) sublock: Option<FileLock>,
    hold_at: Option<Step>,
    is_at: Option<Step>,
    pub(super) ending: bool,
}

impl Server {
    /// Opens the storage, as a server process does that starts: whatever its last end left is
    /// rolled forward; unless somebody holds `misc/sublock`, then it says `startup`.
    ///
    /// # Errors
    ///
    /// Another server has the storage open, or a file cannot be written.
    pub fn start(storage: &Storage, manner: Manner) -> io::Result<Self> {
        // Nothing is moved in a storage that does not say whose it is.
        Marker::read(storage.root())?;
        let files = Files::of(storage)?;
        let lock = FileLock::take(&storage.lock())
            .map_err(|_| io::Error::other("another server has this storage open"))?;
        let sublock = FileLock::take(&storage.sublock()).ok();
        let mut state = State { lock: Some(lock), ..State::default() };
        let closed = Marker::says_shutdown(storage);
        if sublock.is_some() {
            files.recover()?;
        } else {
            state.code = Some("startup".to_owned());
        }
        Marker::change(storage, |marker| marker.opened(closed))?;
        let history = files.history()?;
        (state.sublock, state.committed) = (sublock, history.transactions());
        let shared = Arc::new(Shared {
            files,
            manner,
            state: Mutex::new(state),
            changed: Condvar::new(),
            committing: Mutex::new(history),
        });
        let threads = flusher::start(&shared);
        Ok(Self { shared, threads: Mutex::new(threads) })
    }

    /// Commits so many transactions.
    ///
    /// # Errors
    ///
    /// The server has ended, or a file cannot be written.
    pub fn commit(&self, count: usize) -> io::Result<()> {
        (0..count).try_for_each(|_| self.shared.commit())
    }

    /// How many transactions are committed.
    pub fn committed(&self) -> usize {
        self.shared.state().committed
    }

    /// The code, as `currentSnapshotCode` answers.
    ///
    /// # Errors
    ///
    /// The server has ended.
    pub fn code(&self) -> Result<Option<String>, Refused> {
        let state = self.shared.state();
        if state.ending { Err(Refused::Ended) } else { Ok(state.code.clone()) }
    }

    /// Enters a snapshot: moves the journal into `A/`, sets the code, writes `misc/snapshot`,
    /// lets go of `misc/sublock`. A second enter waits for the first.
    ///
    /// # Errors
    ///
    /// Another snapshot is in the way, the code is not ASCII, or the server ends.
    pub fn enter(&self, code: &str) -> Result<(), Refused> {
        self.shared.enter(&format!("user/{code}"))?;
        self.shared.state().sublock = None;
        Ok(())
    }

    /// Leaves a snapshot: takes `misc/sublock` first, then compares the codes.
    ///
    /// # Errors
    ///
    /// Somebody holds `misc/sublock`, or it is not the snapshot's code.
    pub fn leave(&self, code: &str) -> Result<(), Refused> {
        self.shared.leave(&format!("user/{code}"))
    }

    /// Begins to pack; [`end_packing`](Self::end_packing) ends it.
    ///
    /// # Errors
    ///
    /// Another snapshot is in the way, or the server ends.
    pub fn pack(&self) -> Result<(), Refused> {
        self.shared.enter("packing")
    }

    /// Ends packing.
    ///
    /// # Errors
    ///
    /// It is not packing.
    pub fn end_packing(&self) -> Result<(), Refused> {
        self.shared.leave("packing")
    }

    /// From now on, or no longer, the disk is full when `misc/snapshot` is written.
    pub fn fill_disk(&self, full: bool) {
        self.shared.state().disk_full = full;
    }

    /// The next thread that comes to `step` waits there until [`go_on`](Self::go_on).
    pub fn hold_at(&self, step: Step) {
        self.shared.state().hold_at = Some(step);
    }

    /// Waits until a thread waits at the step; false if the server ended before.
    pub fn wait_at(&self, step: Step) -> bool {
        let state = self.shared.wait_while(|state| state.is_at != Some(step) && !state.ending);
        !state.ending
    }

    /// Whether a thread waits at the step just now.
    pub fn is_at(&self, step: Step) -> bool {
        self.shared.state().is_at == Some(step)
    }

    /// Lets a thread go on that was held.
    pub fn go_on(&self) {
        self.shared.state().hold_at = None;
        self.shared.changed.notify_all();
    }

    /// Waits until nothing of a snapshot is left: no code, nothing being recombined.
    pub fn wait_until_free(&self) {
        drop(self.shared.wait_while(|state| state.code.is_some() && !state.ending));
    }

    /// Waits until nobody enters or leaves any more; the code under which it is in a snapshot
    /// then, a broken one too.
    pub(super) fn settled(&self) -> Option<String> {
        let moves = |state: &mut State| (state.enters > 0 || state.recombining) && !state.ending;
        let state = self.shared.wait_while(moves);
        // `startup` is no snapshot: it is how a server waits to be started anew.
        state.code.clone().filter(|code| code.starts_with("user/") || code == "packing")
    }

    /// A clean stop, as the process does it at its end: outside of a snapshot everything is
    /// moved into `A/` and `misc/snapshot` says `shutdown`; in one, all stays as it is.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn stop(&self) -> io::Result<()> {
        // Inside a snapshot there is no other: that is how the real one ends, too.
        let quick = self.shared.manner.quick_shutdown;
        if !quick {
            // Who commits just now ends first, so that the snapshot covers everything.
            let writing = self.shared.committing.lock().unwrap_or_else(PoisonError::into_inner);
            self.shared.state().closing = true;
            drop(writing);
        }
        let closed = if quick { Ok(()) } else { self.shared.enter("shutdown") };
        self.crash();
        match closed {
            Err(Refused::DiskFull) => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    /// A crash: everything stays as it is at this moment.
    pub fn crash(&self) {
        self.shared.state().ending = true;
        self.shared.changed();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            let _ = thread.join();
        }
        // Who commits just now ends first; then the locks go, as they do at a process's end.
        let writing = self.shared.committing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.shared.state();
        if state.lock.is_some() {
            // A storage that is gone already needs no marker.
            let end = Some(state.committed);
            let _ = Marker::change(&self.shared.files.storage, |marker| marker.end = end);
        }
        (state.sublock, state.lock) = (None, None);
        drop((state, writing));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.crash();
    }
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn changed(&self) {
        self.changed.notify_all();
    }

    pub(super) fn wait_while(
        &self,
        condition: impl FnMut(&mut State) -> bool,
    ) -> MutexGuard<'_, State> {
        let waited = self.changed.wait_while(self.state(), condition);
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for so long, or until the server ends; false if it does.
    pub(super) fn sleep(&self, time: Duration) -> bool {
        let ends = |state: &mut State| !state.ending;
        let waited = self.changed.wait_timeout_while(self.state(), time, ends);
        !waited.unwrap_or_else(PoisonError::into_inner).0.ending
    }

    /// Waits at a step if somebody wants that; false if the server ends.
    pub(super) fn pass(&self, step: Step) -> bool {
        let mut state = self.state();
        if state.hold_at == Some(step) {
            state.is_at = Some(step);
            drop(state);
            self.changed();
            state = self.wait_while(|state| state.hold_at == Some(step) && !state.ending);
            state.is_at = None;
        }
        !state.ending
    }

    /// One transaction, through the journal.
    pub(super) fn commit(&self) -> io::Result<()> {
        let mut history = self.committing.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state();
        if state.ending || state.closing {
            return Err(io::Error::other("the server has ended"));
        }
        drop(state);
        let Some(transaction) = history.next() else { return Ok(()) };
        self.files.write_transaction(&transaction)?;
        let mut state = self.state();
        state.journal.push(transaction);
        state.committed += 1;
        if !state.entering {
            // Who enters waits for what was there before only.
            let surplus = state.journal.len().saturating_sub(self.manner.backlog);
            state.wanted = state.wanted.max(surplus);
        }
        drop(state);
        self.changed();
        Ok(())
    }
}
