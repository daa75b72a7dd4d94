//! How fast a recovery is, and how long it still takes.

use std::time::{Duration, Instant};

use dsnap_engine::{durations, limits};

/// Estimates how long a recovery still takes: as if the rest went as fast as all of it so far.
#[derive(Debug)]
pub(crate) struct Estimate {
    began: Instant,
}

impl Estimate {
    /// Begins to measure.
    pub(crate) fn begin() -> Self {
        Self { began: Instant::now() }
    }

    /// Takes how much is done. Returns the rate and the time left, to be written after the numbers.
    pub(crate) fn words(&self, done: u64, of: Option<u64>) -> String {
        after(self.began.elapsed(), done, of)
    }
}

fn after(elapsed: Duration, done: u64, of: Option<u64>) -> String {
    if elapsed < limits::MIN_RATE_TIME || done == 0 {
        return String::new();
    }
    let seconds = elapsed.as_secs_f64();
    let left = of.map(|of| seconds * (of.saturating_sub(done) as f64 / done as f64));
    // A loaded method may count to any number, also to one that takes longer than a duration can be.
    let left = left.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    words(done as f64 / seconds, left)
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
        let ten = Duration::from_secs(10);
        assert_eq!(after(Duration::from_millis(1), 5000, Some(10_000)), "");
        assert_eq!(after(ten, 0, Some(10_000)), "");
        assert_eq!(after(ten, 5000, None), ", 500/s");
        assert_eq!(after(ten, 5000, Some(40_000)), ", 500/s, 1 min 10 s left");
        assert_eq!(after(ten, 5001, Some(5000)), ", 500/s, 0 s left");
        assert_eq!(after(ten, 1, Some(u64::MAX)), ", 0/s");
        assert_eq!(after(Duration::MAX, u64::MAX, Some(u64::MAX)), ", 1/s, 0 s left");
    }
}
