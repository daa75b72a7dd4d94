//! The points of a part, several at a time.

use std::fmt::Display;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use xtask_base::output;

use crate::live::Kept;
use crate::verdict::{Tally, Verdict};

/// How many points are done at a time on each processor. A point mostly waits: for processes, and for the disk.
const PER_PROCESSOR: usize = 3;

/// Does all points, and counts their verdicts. A failed point is printed with its part.
pub(crate) fn for_all<T: Display + Sync>(
    part: &str,
    points: &[T],
    check: impl Fn(usize, &T) -> Kept + Sync,
) -> Tally {
    let tally = Mutex::new(Tally::default());
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(point) = points.get(number) else { return };
            let verdict = verdict(part, point, check(number, point));
            if let Ok(mut tally) = tally.lock() {
                tally.count(verdict);
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from) * PER_PROCESSOR;
    thread::scope(|scope| (0..threads.min(points.len())).for_each(|_| drop(scope.spawn(&work))));
    tally.into_inner().unwrap_or_default()
}

fn verdict(part: &str, point: &impl Display, kept: Kept) -> Verdict {
    match kept {
        Ok(()) => Verdict::Kept,
        Err(broken) => {
            output::line(format_args!("{part}: {point}: {:?}: {}", broken.verdict, broken.what));
            broken.verdict
        }
    }
}
