//! What a run is asked to do, what it asks of the program around it, and how it ends.

use std::ffi::OsString;
use std::fmt::Debug;
use std::io;
use std::time::Duration;

use dsnap_core::Reason;

use crate::conf::plan::Source;
pub use crate::failure::Failure;
use crate::run::environment::Environment;
use crate::run::event::{Event, Level};
use crate::run::hold::HoldLimit;
use crate::system::process::ProcessId;
use crate::{exit_status, limits};

/// The option at the end of the command that recovers.
const RECOVER: &str = "--recover";

/// What a run is to do.
// wide: one field for each thing that the command line says of a run
#[derive(Debug, Clone)]
pub struct Job {
    /// Where the conf lines come from.
    pub source: Source,
    /// How long new tries may begin: `-t`.
    pub wait: Duration,
    /// The pause between two tries: `-s`.
    pub pause: Duration,
    /// How old an existing snapshot may be: `--accept-existing`.
    pub accept_existing: Option<Duration>,
    /// How long the snapshot may last: `--max-hold`.
    pub max_hold: Option<Duration>,
    /// The name of COMMAND. Without one, the run tests whether the storage can enter snapshot mode.
    pub command: Option<OsString>,
    /// The command that recovers this storage with this run's methods, for hints; quoted.
    pub recover: String,
    /// How long a run waits for a server to settle. Only tests change it.
    pub timing: Timing,
}

impl Job {
    /// Writes the command that runs this program on the storage with the methods of this run, and with
    /// these options.
    pub(crate) fn command_with(&self, options: &str) -> String {
        let command = self.recover.strip_suffix(RECOVER).unwrap_or(&self.recover);
        format!("{} {options}", command.trim_end()).trim_end().to_owned()
    }
}

/// How long a run waits for a server to settle: by default, the values of [`limits`].
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// How long an enter without an answer is waited for.
    pub pending_enter: Duration,
    /// How long leaving is retried, at least.
    pub leave_retry: Duration,
    /// The pause between two tries to leave.
    pub leave_pause: Duration,
    /// How long a server that is recombining is waited for.
    pub recombining: Duration,
}

impl Default for Job {
    fn default() -> Self {
        Self {
            source: Source::Default,
            wait: Duration::ZERO,
            pause: limits::DEFAULT_RETRY_PAUSE,
            accept_existing: None,
            max_hold: None,
            command: None,
            recover: String::new(),
            timing: Timing::default(),
        }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            pending_enter: limits::PENDING_ENTER_TIMEOUT,
            leave_retry: limits::LEAVE_RETRY_TIMEOUT,
            leave_pause: limits::LEAVE_RETRY_INTERVAL,
            recombining: limits::RECOMBINING_TIMEOUT,
        }
    }
}

/// The program around a run: it prints, handles signals, and starts COMMAND.
pub trait Program {
    /// Takes an event.
    fn report(&self, event: Event);

    /// Returns the signal that asked the program to end, if one did.
    fn stopped(&self) -> Option<i32>;

    /// Waits for `pause`, or until the program is asked to end. `left` is how much longer new tries may
    /// begin.
    fn pause(&self, pause: Duration, left: Duration, reason: &Reason);

    /// Waits for `pause`, or until the program is asked to end, and shows nothing.
    fn sleep(&self, pause: Duration);

    /// Runs COMMAND and waits for its end. `environment` describes the snapshots to COMMAND. At the end
    /// of `limit`, ends COMMAND. Calls `began` with the process of COMMAND.
    fn run_command(
        &self,
        environment: &Environment<'_>,
        limit: Option<HoldLimit>,
        began: &mut dyn FnMut(ProcessId),
    ) -> CommandEnd;
}

/// How COMMAND ended.
#[derive(Debug)]
pub enum CommandEnd {
    /// It exited with that status.
    Exited(u8),
    /// It was killed by that signal.
    Killed(i32),
    /// It could not be executed.
    CannotExecute(io::Error),
    /// There is no such program.
    NotFound(io::Error),
    /// It was still running when `--max-hold` was over.
    Overdue {
        /// How it was ended.
        by: EndedBy,
        /// How long the snapshot had lasted then.
        lasted: Duration,
    },
}

/// How an overdue COMMAND was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedBy {
    /// It ended after TERM.
    Term,
    /// It was killed, because it did not end after TERM.
    Kill,
    /// It could not be killed, and the process with this id still runs, without a snapshot.
    Nothing(i32),
}

impl CommandEnd {
    /// Returns the exit status that stands for it.
    pub fn status(&self) -> u8 {
        match self {
            Self::Exited(status) => *status,
            Self::Killed(signal) => exit_status::by_signal(*signal),
            Self::CannotExecute(_) => exit_status::CANNOT_EXECUTE,
            Self::NotFound(_) => exit_status::NOT_FOUND,
            Self::Overdue { .. } => exit_status::OVERDUE,
        }
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// How COMMAND ended (`None`: there was none to run), or why it was not run.
    pub command: Result<Option<CommandEnd>, NotRun>,
    /// Why the guarantee did not hold while COMMAND ran; one reason for each storage.
    pub broken: Vec<Reason>,
    /// Why a snapshot could not be left; one reason for each storage.
    pub not_left: Vec<Reason>,
}

impl Outcome {
    /// Makes the outcome of a run that did not reach COMMAND.
    pub fn not_run(why: NotRun) -> Self {
        Self { command: Err(why), broken: Vec::new(), not_left: Vec::new() }
    }

    /// Makes the outcome of a run of which only COMMAND is known.
    pub fn of_command(end: CommandEnd) -> Self {
        Self { command: Ok(Some(end)), broken: Vec::new(), not_left: Vec::new() }
    }

    /// Returns the exit status of the program.
    pub fn status(&self) -> u8 {
        match &self.command {
            Err(why) => why.status(),
            Ok(_) if !self.broken.is_empty() => exit_status::BROKEN,
            Ok(end) if !self.not_left.is_empty() && has_no_failure(end.as_ref()) => {
                exit_status::BROKEN
            }
            Ok(end) => end.as_ref().map_or(0, CommandEnd::status),
        }
    }
}

/// Says whether that end is no failure of COMMAND itself, so that a snapshot which could not be left
/// decides the exit status.
fn has_no_failure(end: Option<&CommandEnd>) -> bool {
    matches!(end, None | Some(CommandEnd::Exited(0) | CommandEnd::Overdue { .. }))
}

/// Why COMMAND was not run.
#[derive(Debug)]
pub enum NotRun {
    /// A signal stopped the program first.
    Stopped(i32),
    /// There is no fresh snapshot.
    NoSnapshot {
        /// The failure that decides whether another try may help.
        failure: Failure,
        /// Why the run failed, if that is not the reason of `failure`: the conf cannot be used.
        cause: Option<Box<Reason>>,
        /// All other reasons, in the order of the conf.
        others: Vec<OtherReason>,
        /// One of the reasons says what state the storage is in.
        tells_state: bool,
    },
}

/// A reason that does not decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherReason {
    /// The message, with its subject.
    pub reason: Reason,
    /// The level of the event that reported it; `None` if there was none.
    pub reported_at: Option<Level>,
}

impl NotRun {
    /// Changes each reason, and keeps what a retry may bring.
    #[must_use]
    pub(crate) fn map_reasons(self, change: impl Fn(Reason) -> Reason) -> Self {
        let Self::NoSnapshot { failure, cause, others, tells_state } = self else { return self };
        let changed = |other: OtherReason| OtherReason { reason: change(other.reason), ..other };
        Self::NoSnapshot {
            cause: cause.map(|cause| Box::new(change(*cause))),
            others: others.into_iter().map(changed).collect(),
            failure: failure.map(change),
            tells_state,
        }
    }

    /// Returns the exit status of the program.
    pub fn status(&self) -> u8 {
        match self {
            Self::Stopped(signal) => exit_status::by_signal(*signal),
            Self::NoSnapshot { failure: Failure::InUse(_) | Failure::Recombining(_), .. } => {
                exit_status::IN_USE
            }
            Self::NoSnapshot { .. } => exit_status::FAILED,
        }
    }
}

impl From<Failure> for NotRun {
    fn from(failure: Failure) -> Self {
        Self::NoSnapshot { failure, cause: None, others: Vec::new(), tells_state: false }
    }
}

impl From<Reason> for NotRun {
    fn from(reason: Reason) -> Self {
        Failure::from(reason).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(end: CommandEnd) -> Outcome {
        Outcome::of_command(end)
    }

    #[test]
    fn the_status_is_the_commands() {
        assert_eq!(ran(CommandEnd::Exited(7)).status(), 7);
        assert_eq!(ran(CommandEnd::Killed(9)).status(), 137);
        assert_eq!(
            ran(CommandEnd::CannotExecute(io::ErrorKind::PermissionDenied.into())).status(),
            126
        );
        assert_eq!(ran(CommandEnd::NotFound(io::ErrorKind::NotFound.into())).status(), 127);
    }

    #[test]
    fn a_broken_guarantee_is_122_whatever_the_status_of_command() {
        let ends = [0, 1, 75, 124, 125].map(CommandEnd::Exited);
        for end in ends.into_iter().chain([overdue()]) {
            let outcome = Outcome { broken: vec![Reason::new("gone")], ..ran(end) };
            assert_eq!(outcome.status(), 122);
        }
    }

    fn overdue() -> CommandEnd {
        CommandEnd::Overdue { by: EndedBy::Term, lasted: Duration::from_secs(600) }
    }

    #[test]
    fn an_overdue_command_gives_124_however_it_was_ended() {
        for by in [EndedBy::Term, EndedBy::Kill, EndedBy::Nothing(4711)] {
            assert_eq!(ran(CommandEnd::Overdue { by, lasted: Duration::ZERO }).status(), 124);
        }
    }

    #[test]
    fn a_snapshot_that_could_not_be_left_changes_no_failure_of_command() {
        let not_left = |end| Outcome { not_left: vec![Reason::new("silent")], ..ran(end) };
        assert_eq!(not_left(CommandEnd::Exited(0)).status(), 122);
        assert_eq!(not_left(CommandEnd::Exited(3)).status(), 3);
        assert_eq!(not_left(overdue()).status(), 122);
        let without_command = Outcome { command: Ok(None), ..not_left(CommandEnd::Exited(0)) };
        assert_eq!(without_command.status(), 122);
    }

    #[test]
    fn a_command_that_was_not_run_gives_75_only_if_the_storage_was_in_use() {
        assert_eq!(Outcome::not_run(Failure::in_use("x").into()).status(), 75);
        assert_eq!(Outcome::not_run(Failure::unavailable("x").into()).status(), 125);
        assert_eq!(Outcome::not_run(Reason::new("x").into()).status(), 125);
        assert_eq!(Outcome::not_run(NotRun::Stopped(15)).status(), 143);
    }
}
