//! How long a verb goes on waiting.
//!
//! Its time limits the whole of it, whatever it asks. Asked to stop it gives up at once while
//! nothing was sent; afterwards it waits on for the answer, because only that says whether the
//! server is in a snapshot now.

use std::cell::Cell;
use std::time::{Duration, Instant};

use dsnap_core::method::Caller;
use dsnap_engine::limits;

/// Why there is no more waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// The caller wants to stop, and nothing was sent.
    Stopped,
    /// The caller wanted to stop, and the answer has not come since.
    LastAnswer,
    /// The time of the verb has gone by.
    TimeUp,
}

/// The patience of one call of a verb.
pub(crate) struct Patience<'a> {
    caller: &'a dyn Caller,
    time: Duration,
    end: Instant,
    /// Until when an answer is waited for since the caller wants to stop.
    last_answer: Cell<Option<Instant>>,
    sent: Cell<bool>,
}

impl<'a> Patience<'a> {
    /// Patience for so long from now on.
    pub(crate) fn new(caller: &'a dyn Caller, time: Duration) -> Self {
        let now = Instant::now();
        let end = now.checked_add(time).unwrap_or(now + limits::ENTER_TIMEOUT);
        Self { caller, time, end, last_answer: Cell::new(None), sent: Cell::new(false) }
    }

    /// How long there was from the beginning.
    pub(crate) fn time(&self) -> Duration {
        self.time
    }

    /// From now on something has been sent.
    pub(crate) fn note_sent(&self) {
        self.sent.set(true);
    }

    /// Whether waiting is over; asks the caller.
    pub(crate) fn over(&self) -> Option<Over> {
        self.judge(Instant::now(), self.caller.should_stop())
    }

    /// How long to wait before asking again: half of what is allowed, as clocks are not exact.
    pub(crate) fn nap(&self) -> Duration {
        let left = self.end.saturating_duration_since(Instant::now());
        left.min(limits::STOP_POLL_INTERVAL / 2)
    }

    fn judge(&self, now: Instant, should_stop: bool) -> Option<Over> {
        if should_stop && !self.sent.get() {
            return Some(Over::Stopped);
        }
        if should_stop && self.last_answer.get().is_none() {
            self.last_answer.set(Some(now + limits::LAST_ANSWER_TIMEOUT));
        }
        if now >= self.end {
            return Some(Over::TimeUp);
        }
        self.last_answer.get().is_some_and(|end| now >= end).then_some(Over::LastAnswer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dsnap_core::method::Message;

    struct Nobody;

    impl Caller for Nobody {
        fn say(&self, _said: Message<'_>) {}
        fn should_stop(&self) -> bool {
            false
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_time_of_a_verb_limits_all_of_it() {
        let patience = Patience::new(&Nobody, 300 * SECOND);
        let begin = patience.end - 300 * SECOND;
        assert_eq!(patience.judge(begin + 299 * SECOND, false), None);
        patience.note_sent();
        assert_eq!(patience.judge(begin + 299 * SECOND, false), None);
        assert_eq!(patience.judge(begin + 300 * SECOND, false), Some(Over::TimeUp));
    }

    #[test]
    fn before_anything_was_sent_a_stop_ends_it_at_once() {
        let patience = Patience::new(&Nobody, 300 * SECOND);
        assert_eq!(patience.judge(Instant::now(), true), Some(Over::Stopped));
    }

    #[test]
    fn after_something_was_sent_a_stop_leaves_twenty_seconds_for_the_answer() {
        let patience = Patience::new(&Nobody, 300 * SECOND);
        patience.note_sent();
        let stop = Instant::now();
        assert_eq!(patience.judge(stop, true), None);
        assert_eq!(patience.judge(stop + 19 * SECOND, true), None);
        assert_eq!(patience.judge(stop + 20 * SECOND, true), Some(Over::LastAnswer));
        assert_eq!(patience.judge(stop + 20 * SECOND, false), Some(Over::LastAnswer));
    }

    #[test]
    fn a_stop_never_lengthens_the_time() {
        let patience = Patience::new(&Nobody, 5 * SECOND);
        patience.note_sent();
        assert_eq!(patience.judge(patience.end, true), Some(Over::TimeUp));
    }

    #[test]
    fn the_caller_is_asked_at_least_five_times_a_second() {
        assert!(Patience::new(&Nobody, 300 * SECOND).nap() * 5 < SECOND);
    }
}
