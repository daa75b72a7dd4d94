//! What the caller learns while files are moved, and where it can stop the recovery.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use dsnap_core::Reason;
use dsnap_core::method::{Caller, Message};
use dsnap_engine::limits;

use crate::reasons::unfinished;

/// Counts and reports the files of a recovery, and stops it between two of them on request.
pub(crate) struct Progress<'a> {
    caller: &'a dyn Caller,
    done: AtomicU64,
    expected: u64,
    reported: Cell<Instant>,
}

impl<'a> Progress<'a> {
    /// Begins a recovery of this many files.
    pub(crate) fn new(caller: &'a dyn Caller, expected: u64) -> Self {
        Self { caller, done: AtomicU64::new(0), expected, reported: Cell::new(Instant::now()) }
    }

    /// Asks whether the recovery may go on, and reports what is done so far when it is time.
    ///
    /// # Errors
    ///
    /// The caller wants to stop.
    pub(crate) fn keep_going(&self) -> Result<(), Reason> {
        if self.caller.should_stop() {
            return Err(unfinished("asked to stop during the recovery"));
        }
        if self.reported.get().elapsed() >= limits::PROGRESS_INTERVAL {
            self.report();
        }
        Ok(())
    }

    /// Warns the user of something.
    pub(crate) fn warn(&self, what: &str) {
        self.caller.say(Message::Warning(what));
    }

    /// Counts a file that is about to be moved, removed or unpacked.
    ///
    /// # Errors
    ///
    /// The caller wants to stop.
    pub(crate) fn next_file(&self) -> Result<(), Reason> {
        self.keep_going()?;
        self.counter()();
        Ok(())
    }

    /// Returns what counts a file in another thread, which cannot ask the caller.
    pub(crate) fn counter(&self) -> impl Fn() + Sync {
        let done = &self.done;
        move || {
            done.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Reports what is done so far, if there is anything to do.
    pub(crate) fn report(&self) {
        let done = self.done.load(Ordering::Relaxed);
        // A replica may bring files into `B/`, which are moved on.
        let expected = self.expected.max(done);
        if expected == 0 {
            return;
        }
        self.reported.set(Instant::now());
        self.caller.say(Message::Progress { done, of: Some(expected), unit: "files" });
    }
}
