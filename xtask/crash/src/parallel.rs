//! The points of a part, several at a time.

use std::fmt::Display;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use xtask_base::output;

use crate::live::Kept;
use crate::verdict::{Tally, Verdict};

/// Counts the verdicts of a part.
#[derive(Debug)]
pub(crate) struct Counter {
    part: &'static str,
    tally: Mutex<Tally>,
}

impl Counter {
    /// Begins to count.
    pub(crate) fn of(part: &'static str) -> Self {
        Self { part, tally: Mutex::default() }
    }

    /// Counts a point. Prints it, with its part, if a promise was broken.
    pub(crate) fn count(&self, point: impl Display, kept: Kept) {
        let verdict = match kept {
            Ok(()) => Verdict::Kept,
            Err(broken) => {
                let part = self.part;
                output::error(format_args!(
                    "{:?}: {part} {point}: {}",
                    broken.verdict, broken.what
                ));
                broken.verdict
            }
        };
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).count(verdict);
    }

    /// Returns all that was counted.
    pub(crate) fn tally(self) -> Tally {
        self.tally.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does all points, so many at a time on each processor, with their numbers.
pub(crate) fn for_all<T: Sync>(
    per_processor: usize,
    points: &[T],
    each: impl Fn(usize, &T) + Sync,
) {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((number, point)) = {
            let number = next.fetch_add(1, Ordering::Relaxed);
            points.get(number).map(|point| (number, point))
        } {
            each(number, point);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from) * per_processor;
    thread::scope(|scope| (0..threads.min(points.len())).for_each(|_| drop(scope.spawn(work))));
}
