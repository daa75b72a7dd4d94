//! Work on many points at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::Result;
use xtask_base::output;

/// After how many points a line is printed.
const PROGRESS_STEP: usize = 1000;

/// Does `work` for each item, on all processors, and returns the results in the order of the items. `work` gets the
/// number of its thread, too: a folder that is named after it is used by one item at a time.
pub(crate) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(usize, &T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let done = Mutex::new(Vec::with_capacity(items.len()));
    on_threads(processors(), items, |thread, at, item| {
        let result = work(thread, item);
        if (at + 1) % PROGRESS_STEP == 0 {
            output::line(format_args!("{} of {}", at + 1, items.len()));
        }
        done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Does all points, so many at a time on each processor, with their numbers.
pub(crate) fn for_all<T: Sync>(
    per_processor: usize,
    points: &[T],
    each: impl Fn(usize, &T) + Sync,
) {
    on_threads(processors() * per_processor, points, |_, number, point| each(number, point));
}

fn processors() -> usize {
    thread::available_parallelism().map_or(2, usize::from)
}

/// Calls `each` for each item, with the number of the thread and that of the item.
fn on_threads<T: Sync>(threads: usize, items: &[T], each: impl Fn(usize, usize, &T) + Sync) {
    let next = AtomicUsize::new(0);
    let work_off = |thread: usize| {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return };
            each(thread, at, item);
        }
    };
    thread::scope(|scope| {
        for thread in 0..threads.min(items.len()) {
            let work_off = &work_off;
            scope.spawn(move || work_off(thread));
        }
    });
}
