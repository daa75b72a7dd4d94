//! How fast a recovery is, and how long it still takes.

use std::time::Duration;

use dsnap_engine::{durations, limits};
use indicatif::ProgressBar;

/// Estimates how long a recovery still takes. `indicatif` estimates; the live line draws.
#[derive(Debug)]
pub(crate) struct Estimate(ProgressBar);

impl Estimate {
    /// Begins to measure.
    pub(crate) fn begin() -> Self {
        Self(ProgressBar::hidden())
    }

    /// Takes how much is done. Returns the rate and the time left, to be written after the numbers.
    pub(crate) fn words(&self, done: u64, of: Option<u64>) -> String {
        self.0.set_position(done);
        if let Some(of) = of {
            self.0.set_length(of);
        }
        self.0.tick();
        if self.0.elapsed() < limits::MIN_RATE_TIME {
            return String::new();
        }
        words(self.0.per_sec(), of.map(|_| self.0.eta()))
    }
}

fn words(rate: f64, left: Option<Duration>) -> String {
    let left = left.map(|left| format!(", {} left", durations::in_words(left)));
    format!(", {rate:.0}/s{}", left.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_told_after_a_while_and_the_time_left_if_the_total_is_known() {
        let bar = |of| {
            let elapsed = ProgressBar::hidden().with_elapsed(Duration::from_secs(10));
            Estimate(elapsed).words(5000, of)
        };
        assert_eq!(Estimate::begin().words(5000, Some(10_000)), "");
        assert!(bar(None).ends_with("/s"), "{}", bar(None));
        assert!(bar(Some(10_000)).ends_with(" left"), "{}", bar(Some(10_000)));
        assert_eq!(words(1234.6, Some(Duration::from_secs(70))), ", 1235/s, 1 min 10 s left");
    }
}
