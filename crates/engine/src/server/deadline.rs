//! How long `enter`, `leave` or `status` goes on waiting.
//!
//! One limit covers all calls that one of them makes, and a question has a shorter one within it. If
//! the caller asks it to stop, it gives up at once while nothing has been sent. Afterwards it keeps
//! waiting for the answer for a while, because only the answer says whether the server is in snapshot
//! mode now.

use std::cell::Cell;
use std::fmt;
use std::time::{Duration, Instant};

use dsnap_core::method::{Caller, Message, Request};

use crate::limits;

/// Why waiting must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadlineError {
    /// The caller asked to stop, and nothing had been sent.
    Stopped,
    /// The caller asked to stop, and the answer did not come in the time that it was still given.
    StoppedWithoutAnswer,
    /// The time limit has passed.
    TimedOut,
}

/// The time limits of one `enter`, `leave` or `status`: of all its calls, and of the question.
#[derive(Debug)]
pub struct TimeLimits<'a> {
    whole: Deadline<'a>,
    question: Duration,
}

impl<'a> TimeLimits<'a> {
    /// Starts the limits now. `default_limit` applies to a request without a limit, because a server
    /// that does not answer makes no progress.
    pub fn of(request: &Request<'a>, default_limit: Duration) -> Self {
        let limit = request.time_left.unwrap_or(default_limit);
        // Without an answer to the question, this leave is sent all the same: keep time for it.
        let question = if request.snapshot_seen { limit / 2 } else { request.leave_time };
        Self { whole: Deadline::new(request.caller, limit), question }
    }

    /// Returns the limit of all calls together.
    pub fn whole(&self) -> &Deadline<'a> {
        &self.whole
    }

    /// Asks the question within its limit. What has begun goes on after a stop.
    pub fn question<T>(&self, ask: impl FnOnce(&Deadline<'a>) -> T) -> T {
        let answered = ask(&self.whole.part(self.question));
        self.whole.note_sent();
        answered
    }

    /// Asks the question before an enter, within its limit: a stop takes effect at once.
    pub fn question_before_enter<T>(&self, ask: impl FnOnce(&Deadline<'a>) -> T) -> T {
        ask(&self.whole.part(self.question).of_harmless_call())
    }
}

/// The time limit of one `enter`, `leave` or `status`, and its caller's wish to stop.
pub struct Deadline<'a> {
    caller: &'a dyn Caller,
    limit: Duration,
    end: Instant,
    /// When to stop waiting for the answer, once the caller has asked to stop.
    last_answer_end: Cell<Option<Instant>>,
    sent: Cell<bool>,
    /// Whether the call has no effect, so that nothing depends on its answer.
    harmless: bool,
}

/// Shows everything but the caller.
impl fmt::Debug for Deadline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadline")
            .field("limit", &self.limit)
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}

impl<'a> Deadline<'a> {
    /// Starts a limit that ends after this time from now.
    fn new(caller: &'a dyn Caller, limit: Duration) -> Self {
        let now = Instant::now();
        let end = now.checked_add(limit).unwrap_or(now + limits::ENTER_TIMEOUT);
        let (last_answer_end, sent) = (Cell::new(None), Cell::new(false));
        Self { caller, limit, end, last_answer_end, sent, harmless: false }
    }

    /// Starts a shorter limit from now, which does not end after this one.
    fn part(&self, limit: Duration) -> Self {
        let end = Instant::now() + limit.min(self.limit);
        let limit = if end < self.end { limit } else { self.limit };
        let (last_answer_end, sent) = (self.last_answer_end.clone(), self.sent.clone());
        Self { limit, end: end.min(self.end), last_answer_end, sent, ..*self }
    }

    /// Makes this the limit of a call without effect: a stop ends it at once.
    fn of_harmless_call(self) -> Self {
        Self { harmless: true, ..self }
    }

    /// Returns the whole time limit, for messages.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Tells the caller what is sent, or what came back.
    pub fn tell(&self, words: &str) {
        self.caller.say(Message::Trace(words));
    }

    /// Notes that something may have been sent.
    pub fn note_sent(&self) {
        self.sent.set(!self.harmless);
    }

    /// Asks the caller and the clock whether waiting may go on.
    ///
    /// # Errors
    ///
    /// The time is up, or the caller wants to stop and need not wait for an answer any longer.
    pub fn check(&self) -> Result<(), DeadlineError> {
        self.check_at(Instant::now(), self.caller.should_stop())
    }

    /// Says how long to wait before the next [`check`](Self::check): half of what a method may
    /// take, because clocks and timers are not exact.
    pub fn poll_interval(&self) -> Duration {
        let left = self.end.saturating_duration_since(Instant::now());
        left.min(limits::STOP_POLL_INTERVAL / 2)
    }

    fn check_at(&self, now: Instant, should_stop: bool) -> Result<(), DeadlineError> {
        if should_stop && !self.sent.get() {
            return Err(DeadlineError::Stopped);
        }
        if should_stop && self.last_answer_end.get().is_none() {
            self.last_answer_end.set(Some(now + limits::LAST_ANSWER_TIMEOUT));
        }
        if now >= self.end {
            return Err(DeadlineError::TimedOut);
        }
        match self.last_answer_end.get() {
            Some(end) if now >= end => Err(DeadlineError::StoppedWithoutAnswer),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct NeverStops;

    impl Caller for NeverStops {
        fn say(&self, _message: Message<'_>) {}
        fn should_stop(&self) -> bool {
            false
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_limit_covers_the_time_before_and_after_sending() {
        let deadline = Deadline::new(&NeverStops, 300 * SECOND);
        let begin = deadline.end - 300 * SECOND;
        assert_eq!(deadline.check_at(begin + 299 * SECOND, false), Ok(()));
        deadline.note_sent();
        assert_eq!(deadline.check_at(begin + 299 * SECOND, false), Ok(()));
        let at_end = deadline.check_at(begin + 300 * SECOND, false);
        assert_eq!(at_end, Err(DeadlineError::TimedOut));
    }

    #[test]
    fn a_stop_before_anything_was_sent_takes_effect_at_once() {
        let deadline = Deadline::new(&NeverStops, 300 * SECOND);
        assert_eq!(deadline.check_at(Instant::now(), true), Err(DeadlineError::Stopped));
    }

    #[test]
    fn a_stop_after_sending_leaves_twenty_seconds_for_the_answer() {
        let deadline = Deadline::new(&NeverStops, 300 * SECOND);
        deadline.note_sent();
        let stop = Instant::now();
        assert_eq!(deadline.check_at(stop, true), Ok(()));
        assert_eq!(deadline.check_at(stop + 19 * SECOND, true), Ok(()));
        let error = Err(DeadlineError::StoppedWithoutAnswer);
        assert_eq!(deadline.check_at(stop + 20 * SECOND, true), error);
        assert_eq!(deadline.check_at(stop + 20 * SECOND, false), error);
    }

    #[test]
    fn a_part_ends_no_later_than_the_whole() {
        let deadline = Deadline::new(&NeverStops, 300 * SECOND);
        let part = deadline.part(15 * SECOND);
        assert!(part.end <= Instant::now() + 15 * SECOND && part.limit() == 15 * SECOND);
        let part = deadline.part(301 * SECOND);
        assert_eq!((part.end, part.limit()), (deadline.end, 300 * SECOND));
    }

    #[test]
    fn a_stop_ends_a_call_without_effect_at_once_even_if_it_was_sent() {
        let deadline = Deadline::new(&NeverStops, 300 * SECOND).of_harmless_call();
        deadline.note_sent();
        assert_eq!(deadline.check_at(Instant::now(), true), Err(DeadlineError::Stopped));
    }

    #[test]
    fn a_stop_never_extends_the_limit() {
        let deadline = Deadline::new(&NeverStops, 5 * SECOND);
        deadline.note_sent();
        assert_eq!(deadline.check_at(deadline.end, true), Err(DeadlineError::TimedOut));
    }

    #[test]
    fn the_caller_is_asked_at_least_five_times_a_second() {
        assert!(Deadline::new(&NeverStops, 300 * SECOND).poll_interval() * 5 < SECOND);
    }
}
