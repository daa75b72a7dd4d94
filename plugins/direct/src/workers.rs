//! Work on many independent items, shared among threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;

use dsnap_core::Reason;
use dsnap_engine::limits::{MAX_WORKERS, MIN_SHARED, STOP_POLL_INTERVAL};

use crate::listing::KeepGoing;

/// Does `work` for each number below `count`, in several threads if there are many. Each thread has a
/// state of its own, which `begin` makes. Returns all states.
///
/// This thread asks `keep_going` at least every [`STOP_POLL_INTERVAL`], and once more at the end. `work`
/// asks the one that it is given.
///
/// # Errors
///
/// That of the lowest number whose work failed. As if one thread had done them in turn, the work for all
/// numbers below is done; but it may be done for some above, too. Or that of `keep_going`.
pub(crate) fn share<S: Send>(
    count: usize,
    keep_going: KeepGoing<'_>,
    begin: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize, KeepGoing<'_>) -> Result<(), Reason> + Sync,
) -> Result<Vec<S>, Reason> {
    share_among(threads(count), count, keep_going, begin, work)
}

/// Returns how many threads are started for so many numbers; 0 if this thread does the work.
fn threads(count: usize) -> usize {
    let processors = || thread::available_parallelism().map_or(1, usize::from);
    if count < MIN_SHARED || processors() == 1 { 0 } else { processors().min(MAX_WORKERS) }
}

fn share_among<S: Send>(
    threads: usize,
    count: usize,
    keep_going: KeepGoing<'_>,
    begin: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize, KeepGoing<'_>) -> Result<(), Reason> + Sync,
) -> Result<Vec<S>, Reason> {
    let queue = Queue { next: AtomicUsize::new(0), end: AtomicUsize::new(count) };
    let (sender, outcomes) = mpsc::channel();
    thread::scope(|scope| {
        let is_started = |_: &usize| {
            let (sender, queue, begin, work) = (sender.clone(), &queue, &begin, &work);
            // The receiver waits until there is no sender left, so nothing that is sent is lost.
            let worker = move || {
                let _ = sender.send(queue.work_off(begin(), work, |number| queue.check(number)));
            };
            thread::Builder::new().spawn_scoped(scope, worker).is_ok()
        };
        let started = (0..threads).take_while(is_started).count();
        // The number of a user's processes may be limited.
        if started == 0 {
            let _ = sender.send(queue.work_off(begin(), &work, |_| keep_going()));
        }
        drop(sender);
        queue.wait_for(&outcomes, keep_going)
    })
}

/// What one thread did: its state, or the number whose work failed.
type Outcome<S> = Result<S, (usize, Reason)>;

/// The numbers that are left.
struct Queue {
    next: AtomicUsize,
    /// No work is begun from this number on, and work that was begun there ends early.
    end: AtomicUsize,
}

impl Queue {
    fn work_off<S>(
        &self,
        mut state: S,
        work: &impl Fn(&mut S, usize, KeepGoing<'_>) -> Result<(), Reason>,
        may_go_on: impl Fn(usize) -> Result<(), Reason>,
    ) -> Outcome<S> {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.end.load(Ordering::Relaxed) {
                return Ok(state);
            }
            if let Err(reason) = work(&mut state, number, &|| may_go_on(number)) {
                self.end.fetch_min(number, Ordering::Relaxed);
                return Err((number, reason));
            }
        }
    }

    /// Ends the work on a number if a lower one failed, or if this process was asked to stop.
    fn check(&self, number: usize) -> Result<(), Reason> {
        if number < self.end.load(Ordering::Relaxed) {
            return Ok(());
        }
        // Nobody is told this, but why the lower one failed, or that there is a stop.
        Err(Reason::new(""))
    }

    fn wait_for<S>(
        &self,
        outcomes: &Receiver<Outcome<S>>,
        keep_going: KeepGoing<'_>,
    ) -> Result<Vec<S>, Reason> {
        let (mut states, mut failures, mut may_go_on) = (Vec::new(), Vec::new(), Ok(()));
        loop {
            match outcomes.recv_timeout(STOP_POLL_INTERVAL) {
                Ok(Ok(state)) => states.push(state),
                Ok(Err(failure)) => failures.push(failure),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            may_go_on = may_go_on.and_then(|()| keep_going());
            if may_go_on.is_err() {
                self.end.store(0, Ordering::Relaxed);
            }
        }
        may_go_on?;
        match failures.into_iter().min_by_key(|(number, _)| *number) {
            Some((_, reason)) => Err(reason),
            None => Ok(states),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::HashSet;
    use std::sync::atomic::AtomicBool;
    use std::thread::ThreadId;
    use std::time::Duration;

    use super::*;

    const GO_ON: KeepGoing<'static> = &|| Ok(());

    /// Returns the numbers that each thread worked on, and the threads.
    fn shared(threads: usize, count: usize) -> (Vec<usize>, HashSet<ThreadId>) {
        let begin = || (Vec::new(), thread::current().id());
        let work = |state: &mut (Vec<usize>, ThreadId), number, _: KeepGoing<'_>| {
            state.0.push(number);
            Ok(())
        };
        let states = share_among(threads, count, GO_ON, begin, work).unwrap();
        let (numbers, threads): (Vec<_>, HashSet<_>) = states.into_iter().unzip();
        let mut numbers = numbers.concat();
        numbers.sort_unstable();
        (numbers, threads)
    }

    #[test]
    fn each_number_is_worked_on_once() {
        for threads in [0, 1, 2, MAX_WORKERS] {
            let (numbers, workers) = shared(threads, 1000);
            assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
            assert_eq!(workers.len(), threads.max(1));
            assert_eq!(workers.contains(&thread::current().id()), threads == 0);
        }
    }

    #[test]
    fn few_numbers_start_no_thread() {
        assert_eq!(threads(MIN_SHARED - 1), 0);
        let processors = thread::available_parallelism().unwrap().get();
        let expected = if processors == 1 { 0 } else { processors.min(MAX_WORKERS) };
        assert_eq!(threads(MIN_SHARED), expected);
    }

    /// Two threads work on two numbers: 0 ends last, and 1 fails before. Returns the failure that is told.
    fn told(zero: impl Fn() -> Result<(), Reason> + Sync) -> String {
        let has_failed = AtomicBool::new(false);
        let work = |(): &mut (), number, keep_going: KeepGoing<'_>| {
            if number == 1 {
                has_failed.store(true, Ordering::Relaxed);
                return Err(Reason::new("of 1"));
            }
            while !has_failed.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            // Long enough for the other thread to end the work on higher numbers.
            thread::sleep(Duration::from_millis(20));
            keep_going()?;
            zero()
        };
        share_among(2, 2, GO_ON, || (), work).unwrap_err().text().to_owned()
    }

    #[test]
    fn the_failure_of_the_lowest_number_is_told_and_all_below_are_done() {
        let done = AtomicBool::new(false);
        let zero = || {
            done.store(true, Ordering::Relaxed);
            Ok(())
        };
        assert_eq!(told(zero), "of 1");
        assert!(done.into_inner(), "0 was given up because 1 failed");
        assert_eq!(told(|| Err(Reason::new("of 0"))), "of 0");
    }

    #[test]
    fn after_a_failure_no_higher_number_is_begun() {
        for threads in [0, 1] {
            let begun = AtomicUsize::new(0);
            let work = |(): &mut (), number, _: KeepGoing<'_>| {
                begun.fetch_add(1, Ordering::Relaxed);
                if number == 3 { Err(Reason::new("of 3")) } else { Ok(()) }
            };
            share_among(threads, 10, GO_ON, || (), work).unwrap_err();
            assert_eq!(begun.into_inner(), 4);
        }
    }

    #[test]
    fn a_request_to_stop_ends_the_work_of_all_threads() {
        for threads in [0, 1, 2] {
            let asked = Cell::new(0);
            let stop = || {
                asked.set(asked.get() + 1);
                if asked.get() > 1 { Err(Reason::new("stop")) } else { Ok(()) }
            };
            // Endless, unless the question is answered with an error.
            let work = |(): &mut (), _, keep_going: KeepGoing<'_>| {
                loop {
                    keep_going()?;
                    thread::yield_now();
                }
            };
            let reason = share_among(threads, 10, &stop, || (), work).unwrap_err();
            assert_eq!(reason.text(), "stop");
        }
    }

    #[test]
    fn a_request_to_stop_is_heard_however_fast_the_work_is_done() {
        for threads in [0, 1, 2] {
            let (stop, quick) =
                (|| Err(Reason::new("stop")), |(): &mut (), _, _: KeepGoing<'_>| Ok(()));
            let reason = share_among(threads, 10, &stop, || (), quick).unwrap_err();
            assert_eq!(reason.text(), "stop");
        }
    }
}
