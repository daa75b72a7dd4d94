//! Whether a connection is still open, so that a thread that pauses on purpose ends with it at once.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The life of one connection. Its end wakes all threads that pause.
#[derive(Debug, Default)]
pub(super) struct Life {
    ended: Mutex<bool>,
    changed: Condvar,
}

impl Life {
    pub(super) fn end(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Pauses; false if the connection ends meanwhile.
    pub(super) fn pause(&self, time: Duration) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(ended, time, |ended| !*ended);
        !*waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
