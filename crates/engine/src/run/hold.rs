//! How long a snapshot may last: `--max-hold`, counted from the first enter.

use std::cell::OnceCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::durations::in_words_with_tenths;
use crate::failure::Failure;

/// How long the snapshot of COMMAND may last.
#[derive(Debug, Clone, Copy)]
pub struct HoldLimit {
    /// When the first enter began.
    pub since: Instant,
    /// The value of `--max-hold`.
    pub max: Duration,
}

impl HoldLimit {
    /// Returns when COMMAND is to be ended.
    pub fn end(&self) -> Instant {
        self.since + self.max
    }

    /// Returns how long the snapshot has lasted.
    pub fn lasted(&self) -> Duration {
        self.since.elapsed()
    }

    /// Says whether the snapshot has lasted too long.
    pub(crate) fn is_over(&self) -> bool {
        self.lasted() >= self.max
    }

    /// Explains that COMMAND could not even start in time. Another try may be quicker.
    pub(crate) fn over_before_command(&self) -> Failure {
        let [lasted, max] = [self.lasted(), self.max].map(in_words_with_tenths);
        Failure::in_use(format!(
            "entering took {lasted}, but the snapshot may last only {max} (--max-hold)"
        ))
        .hint("use a longer --max-hold")
    }
}

/// When the first enter under a code began.
///
/// All tries under that code share it, because an enter without an answer may have its effect later.
#[derive(Debug, Clone, Default)]
pub(crate) struct FirstEnter(Rc<OnceCell<Instant>>);

impl FirstEnter {
    /// Notes that an enter which began then may have had an effect. Only the first one counts.
    pub(crate) fn note(&self, began: Instant) {
        self.0.get_or_init(|| began);
    }

    /// Makes the limit of a snapshot. One that nobody had to enter counts from now on.
    pub(crate) fn limit(&self, max: Duration) -> HoldLimit {
        HoldLimit { since: *self.0.get_or_init(Instant::now), max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_enter_counts_for_all_tries_under_its_code() {
        let (first, began) = (FirstEnter::default(), Instant::now());
        first.clone().note(began);
        first.note(began + Duration::from_secs(5));
        let limit = first.limit(Duration::from_secs(3));
        assert_eq!(limit.end(), began + Duration::from_secs(3));
    }
}
