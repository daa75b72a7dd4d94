//! The verdicts on points, and how often each was given.

use std::time::Duration;

/// The verdict on one point: a disturbed run, and the runs after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every promise was kept.
    Kept,
    /// A committed transaction is missing, or a file differs.
    Lost,
    /// The storage is in a snapshot, or not usable, and no message or record says so.
    Frozen,
    /// COMMAND ran in a snapshot that was older than the run, or without protection.
    Stale,
    /// The check could not decide, for example because a time limit passed.
    Undecided,
}

/// How often each verdict was given.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    /// All points.
    pub(crate) points: usize,
    lost: usize,
    frozen: usize,
    stale: usize,
    undecided: usize,
}

impl Tally {
    /// Counts one point.
    pub(crate) fn count(&mut self, verdict: Verdict) {
        self.points += 1;
        match verdict {
            Verdict::Kept => {}
            Verdict::Lost => self.lost += 1,
            Verdict::Frozen => self.frozen += 1,
            Verdict::Stale => self.stale += 1,
            Verdict::Undecided => self.undecided += 1,
        }
    }

    /// Says whether every promise was kept at every point, and there was at least one.
    pub(crate) fn is_clean(&self) -> bool {
        self.points > 0 && self.lost + self.frozen + self.stale + self.undecided == 0
    }
}

/// Shows the tallies of all parts.
pub(crate) fn table(parts: &[(&str, Tally, Duration)]) -> String {
    let head = "part            points    lost  frozen   stale undecided  seconds";
    let lines = parts.iter().map(|(name, tally, took)| {
        let Tally { points, lost, frozen, stale, undecided } = tally;
        let seconds = took.as_secs_f64();
        format!("\n{name:14} {points:7} {lost:7} {frozen:7} {stale:7} {undecided:9} {seconds:8.1}")
    });
    format!("{head}{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_broken_promise_or_no_point_at_all_is_a_failure() {
        let mut tally = Tally::default();
        assert!(!tally.is_clean(), "no point");
        tally.count(Verdict::Kept);
        assert!(tally.is_clean());
        for broken in [Verdict::Lost, Verdict::Frozen, Verdict::Stale, Verdict::Undecided] {
            let mut tally = tally;
            tally.count(broken);
            assert!(!tally.is_clean(), "{broken:?}");
        }
    }
}
