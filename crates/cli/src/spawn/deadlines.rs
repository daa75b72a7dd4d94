//! What is done to a COMMAND that does not end, and when: `-k` and `--max-hold`.
//!
//! Nothing here looks at the clock or sends a signal: [`spawn`](crate::spawn) does.

use std::time::{Duration, Instant};

use dsnap_engine::limits;
use dsnap_engine::run::hold::HoldLimit;
use dsnap_engine::run::job::{CommandEnd, EndedBy};
use nix::libc::SIGKILL;

/// A step against a COMMAND that does not end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// It is asked to end: `--max-hold` is over.
    Terminate,
    /// It is killed.
    Kill,
    /// It is no longer waited for: it cannot be killed, and the storage must be left.
    GiveUp,
}

/// The times at which these steps are due.
#[derive(Debug)]
pub(crate) struct Deadlines {
    kill_after: Option<Duration>,
    limit: Option<HoldLimit>,
    terminate: Option<Instant>,
    kill: Option<Instant>,
    give_up: Option<Instant>,
    is_overdue: bool,
}

impl Deadlines {
    pub(crate) fn new(kill_after: Option<Duration>, limit: Option<HoldLimit>) -> Self {
        let terminate = limit.map(|limit| limit.end());
        Self { kill_after, limit, terminate, kill: None, give_up: None, is_overdue: false }
    }

    /// Starts the clock of `-k`, unless it is running, because a signal ends the run.
    pub(crate) fn stop_requested(&mut self, now: Instant) {
        self.kill = self.kill.or(self.kill_after.map(|after| now + after));
    }

    /// Returns when the next step is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        [self.terminate, self.kill, self.give_up].into_iter().flatten().min()
    }

    /// Returns when COMMAND is killed.
    pub(crate) fn kill_due(&self) -> Option<Instant> {
        self.kill
    }

    /// Returns the step that is due now. Each is returned once.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Measure> {
        if take(&mut self.terminate, now) {
            self.is_overdue = true;
            let kill = now + self.kill_after.unwrap_or(limits::OVERDUE_KILL_AFTER);
            self.kill = Some(self.kill.map_or(kill, |earlier| earlier.min(kill)));
            return Some(Measure::Terminate);
        }
        if take(&mut self.kill, now) {
            // Without --max-hold, COMMAND is waited for: it may still read the snapshot.
            self.give_up = self.is_overdue.then_some(now + limits::KILL_TIMEOUT);
            return Some(Measure::Kill);
        }
        take(&mut self.give_up, now).then_some(Measure::GiveUp)
    }

    /// Classifies the end of COMMAND. If COMMAND was overdue, its exit status does not count.
    pub(crate) fn judge(&self, end: CommandEnd) -> CommandEnd {
        match end {
            CommandEnd::Killed(SIGKILL) if self.give_up.is_some() => self.overdue(EndedBy::Kill),
            _ if self.is_overdue => self.overdue(EndedBy::Term),
            end => end,
        }
    }

    /// Describes the end of an overdue COMMAND.
    pub(crate) fn overdue(&self, by: EndedBy) -> CommandEnd {
        let lasted = self.limit.map_or(Duration::ZERO, |limit| limit.lasted());
        CommandEnd::Overdue { by, lasted }
    }
}

/// Clears a time that has come, and says whether it had.
fn take(time: &mut Option<Instant>, now: Instant) -> bool {
    time.take_if(|time| *time <= now).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: Duration = Duration::from_secs(600);
    const SECOND: Duration = Duration::from_secs(1);

    fn deadlines(kill_after: Option<Duration>) -> (Deadlines, Instant) {
        let since = Instant::now();
        (Deadlines::new(kill_after, Some(HoldLimit { since, max: MAX })), since + MAX)
    }

    #[test]
    fn after_max_hold_command_is_terminated_then_killed_then_given_up() {
        for (kill_after, wait) in [(None, limits::OVERDUE_KILL_AFTER), (Some(SECOND), SECOND)] {
            let (mut deadlines, over) = deadlines(kill_after);
            assert_eq!(deadlines.take_due(over - SECOND), None);
            for (at, measure) in [
                (over, Measure::Terminate),
                (over + wait, Measure::Kill),
                (over + wait + limits::KILL_TIMEOUT, Measure::GiveUp),
            ] {
                assert_eq!(deadlines.next(), Some(at));
                assert_eq!(deadlines.take_due(at), Some(measure));
                assert_eq!(deadlines.take_due(at), None);
            }
            assert_eq!(deadlines.next(), None);
        }
    }

    #[test]
    fn a_signal_meanwhile_kills_no_later_than_max_hold_does() {
        let (mut deadlines, over) = deadlines(Some(10 * SECOND));
        deadlines.stop_requested(over - 3 * SECOND);
        assert_eq!(deadlines.take_due(over), Some(Measure::Terminate));
        assert_eq!(deadlines.next(), Some(over + 7 * SECOND));
        deadlines.stop_requested(over + SECOND);
        assert_eq!(deadlines.next(), Some(over + 7 * SECOND));
    }

    #[test]
    fn without_max_hold_a_killed_command_is_waited_for() {
        let (mut deadlines, now) = (Deadlines::new(Some(SECOND), None), Instant::now());
        assert_eq!(deadlines.next(), None);
        deadlines.stop_requested(now);
        assert_eq!(deadlines.take_due(now + SECOND), Some(Measure::Kill));
        assert_eq!(deadlines.next(), None);
        assert!(matches!(deadlines.judge(CommandEnd::Killed(9)), CommandEnd::Killed(9)));
    }

    #[test]
    fn an_overdue_command_is_overdue_whatever_its_status() {
        let (mut deadlines, over) = deadlines(None);
        assert!(matches!(deadlines.judge(CommandEnd::Exited(0)), CommandEnd::Exited(0)));
        deadlines.take_due(over);
        for end in [CommandEnd::Exited(0), CommandEnd::Exited(3), CommandEnd::Killed(15)] {
            let judged = deadlines.judge(end);
            assert!(matches!(judged, CommandEnd::Overdue { by: EndedBy::Term, .. }), "{judged:?}");
        }
    }
}
