//! Figures from samples.

use serde::{Deserialize, Serialize};

/// How dsnap's times relate to another program's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ratio {
    /// Of the best times: the least disturbed ones.
    pub(crate) best: f64,
    /// The median of the ratios of single rounds.
    pub(crate) median: f64,
    /// The lowest and highest ratio of a round, without the outer tenths.
    pub(crate) spread: (f64, f64),
}

impl Ratio {
    /// Compares times of the same rounds. Returns `None` without a round, or if the other program was too quick to
    /// be measured.
    pub(crate) fn of(ours: &[f64], theirs: &[f64]) -> Option<Self> {
        if theirs.contains(&0.0) {
            return None;
        }
        let mut rounds: Vec<f64> =
            ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
        rounds.sort_by(f64::total_cmp);
        let outer = rounds.len() / 10;
        let (low, high) = (rounds.get(outer)?, rounds.get(rounds.len() - 1 - outer)?);
        let spread = (*low, *high);
        Some(Self { best: best(ours) / best(theirs), median: median(&rounds), spread })
    }
}

/// Returns the shortest time.
pub(crate) fn best(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Returns the median time.
pub(crate) fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    match times.len() {
        0 => f64::NAN,
        even if even.is_multiple_of(2) => f64::midpoint(times[middle - 1], times[middle]),
        _ => times[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn ratios_compare_the_programs_within_a_round() {
        // The second round was twice as slow for both.
        let ratio = Ratio::of(&[3.0, 6.0, 3.3], &[2.0, 4.0, 2.0]).unwrap();
        assert_eq!((ratio.best, ratio.median), (1.5, 1.5));
        assert_eq!(ratio.spread, (1.5, 1.65));
        assert_eq!(Ratio::of(&[], &[]), None);
        assert_eq!(Ratio::of(&[1.0, 1.0], &[1.0, 0.0]), None);
    }

    #[test]
    fn the_spread_leaves_the_outer_tenths_out() {
        let mut ours = vec![1.0; 20];
        (ours[3], ours[4]) = (0.1, 50.0);
        (ours[5], ours[6]) = (0.2, 40.0);
        assert_eq!(Ratio::of(&ours, &[1.0; 20]).unwrap().spread, (1.0, 1.0));
    }
}
