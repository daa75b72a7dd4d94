//! What the caller learns while files are moved, and where it can stop the recovery.

use std::time::Instant;

use dsnap_core::Reason;
use dsnap_core::method::{Caller, Message};
use dsnap_engine::limits;

use crate::reasons::unfinished;

/// Counts and reports the files of a recovery, and stops it between two of them on request.
pub(crate) struct Progress<'a> {
    caller: &'a dyn Caller,
    done: u64,
    expected: u64,
    reported: Instant,
}

impl<'a> Progress<'a> {
    /// Begins a recovery of this many files.
    pub(crate) fn new(caller: &'a dyn Caller, expected: u64) -> Self {
        Self { caller, done: 0, expected, reported: Instant::now() }
    }

    /// Makes the question whether the recovery may go on.
    pub(crate) fn keep_going(&self) -> impl Fn() -> Result<(), Reason> + use<'a> {
        let caller = self.caller;
        move || {
            if caller.should_stop() {
                return Err(unfinished("asked to stop during the recovery"));
            }
            Ok(())
        }
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
    pub(crate) fn next_file(&mut self) -> Result<(), Reason> {
        self.keep_going()()?;
        self.done += 1;
        // A replica may bring files into `B/`, which are moved on.
        self.expected = self.expected.max(self.done);
        if self.reported.elapsed() >= limits::PROGRESS_INTERVAL {
            self.report();
        }
        Ok(())
    }

    /// Reports what is done so far, if there is anything to do.
    pub(crate) fn report(&mut self) {
        if self.expected == 0 {
            return;
        }
        self.reported = Instant::now();
        let (done, of) = (self.done, Some(self.expected));
        self.caller.say(Message::Progress { done, of, unit: "files" });
    }
}
