//! The points of whole runs: which call is disturbed, and how.

use std::fmt;

use crate::failing::{ERRORS, can_fail};
use crate::strace::{Call, Disturbance};

/// Of all combinations of a call and an error, every N-th is done. A call has eight combinations, and five has
/// no common divisor with eight. So each call fails at least once, and each error meets all kinds of calls.
const STEP: usize = 5;

/// The calls with which messages are written.
const MESSAGES: [&str; 3] = ["write", "writev", "pwritev2"];

/// A call that is disturbed.
#[derive(Debug)]
pub(super) struct Point<'a> {
    call: &'a Call,
    how: How,
}

#[derive(Debug, Clone, Copy)]
enum How {
    Kill,
    FailOnce(&'static str),
    FailFromThenOn(&'static str),
}

/// All kills, and one in [`STEP`] of all errors.
pub(super) fn points(listed: &[Call]) -> Vec<Point<'_>> {
    let changes = listed.iter().filter(|call| call.is_change());
    let kills = changes.map(|call| Point { call, how: How::Kill });
    // The loader comes first. The runtime of Rust begins with a `poll`, and gives up if that fails.
    let own = listed.iter().skip_while(|call| call.name != "poll").skip(1);
    let can_fail = own.filter(|call| can_fail(call));
    let errors = can_fail.flat_map(|call| {
        let hows = ERRORS.into_iter().flat_map(|it| [How::FailOnce(it), How::FailFromThenOn(it)]);
        hows.map(move |how| Point { call, how })
    });
    kills.chain(errors.step_by(STEP)).collect()
}

impl Point<'_> {
    pub(super) fn disturbance(&self) -> Disturbance<'_> {
        match self.how {
            How::Kill => Disturbance::Kill(self.call),
            How::FailOnce(error) => Disturbance::FailOnce(self.call, error),
            How::FailFromThenOn(error) => Disturbance::FailFromThenOn(self.call, error),
        }
    }

    pub(super) fn is_kill(&self) -> bool {
        matches!(self.how, How::Kill)
    }

    /// Says whether later calls fail, too.
    pub(super) fn lasts(&self) -> bool {
        matches!(self.how, How::FailFromThenOn(_))
    }

    /// Says whether the run may have lost its last message.
    pub(super) fn silences(&self) -> bool {
        MESSAGES.contains(&self.call.name.as_str())
    }

    /// Says whether a run came to the call.
    pub(super) fn was_met(&self, calls: &[Call]) -> bool {
        let same = |call: &&Call| call.name == self.call.name && call.nth == self.call.nth;
        calls.iter().find(same).is_some_and(|call| {
            if self.is_kill() { !call.is_finished() } else { call.is_injected() }
        })
    }
}

impl fmt::Display for Point<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Call { name, nth, .. } = self.call;
        match self.how {
            How::Kill => write!(f, "{name} {nth} KILL"),
            How::FailOnce(error) => write!(f, "{name} {nth} {error} once"),
            How::FailFromThenOn(error) => write!(f, "{name} {nth} {error} from then on"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strace::calls_in;

    #[test]
    fn each_change_is_a_kill_and_each_other_call_fails_at_least_once() {
        let trace = "openat(3, \"loader\", O_RDONLY) = 4\npoll(0, 0, 0) = 0\n\
            openat(3, \"x\", O_RDONLY) = 4\nmmap(0) = 0\nfsync(4) = 0\nstatx(5) = 0\n";
        let listed = calls_in(trace).unwrap();
        let points = points(&listed);
        let kills: Vec<_> = points.iter().filter(|it| it.is_kill()).collect();
        assert_eq!(kills.len(), 1);
        assert_eq!(kills[0].to_string(), "fsync 1 KILL");
        for call in ["openat 2", "fsync 1", "statx 1"] {
            let fails = |it: &Point<'_>| !it.is_kill() && it.to_string().starts_with(call);
            assert!(points.iter().any(fails), "{call}");
        }
        assert!(!points.iter().any(|it| it.call.name == "mmap" || it.call.nth > 2));
    }

    #[test]
    fn a_run_that_does_not_come_to_the_call_is_noticed() {
        let listed = calls_in("poll(0) = 0\nfsync(4) = 0\n").unwrap();
        let kill = &points(&listed)[0];
        assert!(kill.was_met(&calls_in("fsync(4) = ?\n").unwrap()));
        assert!(!kill.was_met(&calls_in("fsync(4) = 0\n").unwrap()));
        assert!(!kill.was_met(&[]));
    }
}
