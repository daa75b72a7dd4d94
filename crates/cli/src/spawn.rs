//! Starts COMMAND and waits for it. No other file of this program starts a process.
//!
//! COMMAND is a direct child and inherits everything (process group, session, limits, umask,
//! descriptors). It also inherits the locked `misc/sublock` of each storage, which protects its snapshot
//! even if this program is killed. Which signals this program catches is decided in
//! [`signals`](crate::signals).
#![allow(clippy::disallowed_methods, reason = "only this file starts a process")]

mod announcements;
mod deadlines;
mod lookup;

use std::ffi::OsString;
use std::io;
use std::process::{self, Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dsnap_engine::run::environment::Environment;
use dsnap_engine::run::hold::HoldLimit;
use dsnap_engine::run::job::{CommandEnd, EndedBy};
use dsnap_engine::system::privileges::Privileges;
use dsnap_engine::system::process::ProcessId;
use dsnap_host::signals;
use nix::libc::{SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGTERM};
use nix::unistd::{Pid, getpgid, getpgrp, getpid, getsid};
use rustix::io::{Errno, FdFlags};
use rustix::process::{self as wait, WaitOptions, WaitStatus};

use crate::core_dumps;
use crate::signals::{Sender, SignalEvent, Signals};
use crate::spawn::announcements::Announcements;
use crate::spawn::deadlines::{Deadlines, Measure};

/// Set when COMMAND has started. From then on no message may say that it was not run.
static STARTED: AtomicBool = AtomicBool::new(false);

/// Tells whether COMMAND was started.
pub(crate) fn has_started() -> bool {
    STARTED.load(Ordering::SeqCst)
}

/// COMMAND as the user gave it.
#[derive(Debug)]
pub(crate) struct CommandSpec {
    /// COMMAND and its arguments; empty for a test without COMMAND.
    pub(crate) words: Vec<OsString>,
    /// How long after a signal COMMAND is killed if it is still running.
    pub(crate) kill_after: Option<Duration>,
}

/// Starts COMMAND with the caller's privileges, and passes signals on to it.
#[derive(Debug)]
pub(crate) struct CommandRunner<'a> {
    pub(crate) command: &'a CommandSpec,
    pub(crate) privileges: &'a Privileges,
    pub(crate) signals: &'a Signals,
}

impl CommandRunner<'_> {
    /// Runs COMMAND and waits for its end. Calls `started` with its process id. Ends COMMAND if it is
    /// still running at the end of `limit`. Calls `tell` with what became of a signal.
    pub(crate) fn run(
        &self,
        environment: &Environment<'_>,
        limit: Option<HoldLimit>,
        started: &mut dyn FnMut(ProcessId),
        tell: &dyn Fn(&str),
    ) -> CommandEnd {
        let early = self.signals.take_stop();
        let child = match self.start(environment) {
            Ok(child) => child,
            Err(error) => return self.start_failure(error),
        };
        STARTED.store(true, Ordering::SeqCst);
        let pid = Pid::from_raw(child.id().cast_signed());
        started(ProcessId::of_existing(pid.as_raw()));
        let announcements = Announcements::new(pid.as_raw(), tell);
        self.wait(pid, early, Deadlines::new(self.command.kill_after, limit), &announcements)
    }

    fn start(&self, environment: &Environment<'_>) -> io::Result<Child> {
        let (program, arguments) =
            self.command.words.split_first().ok_or(io::ErrorKind::NotFound)?;
        let mut command = Command::new(program);
        command.args(arguments);
        for (name, value) in &environment.variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let inheritable = set_flags(environment, FdFlags::empty());
        let child = inheritable.and_then(|()| self.spawn(&mut command));
        // An error here must not pass for a COMMAND that was not started: that one would lose its snapshot.
        // Nothing is lost by it: the lock is unlocked for all who inherit it, and later processes close the
        // descriptors that they should not have.
        let _ = set_flags(environment, FdFlags::CLOEXEC);
        child
    }

    fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        self.privileges
            .with_caller_privileges(|| core_dumps::with_original_limit(|| command.spawn()))
    }

    /// Looks COMMAND up with the privileges that it will have. Without COMMAND there is nothing to
    /// look up.
    ///
    /// # Errors
    ///
    /// COMMAND is not found, or cannot be executed.
    pub(crate) fn look_up(&self) -> Result<(), CommandEnd> {
        let Some(program) = self.command.words.first() else { return Ok(()) };
        self.privileges.with_caller_privileges(|| lookup::find(program))
    }

    /// Tells why COMMAND could not be started, although it was found before.
    ///
    /// The system's error is not enough: it is "not found" also for a script whose interpreter or a
    /// program whose loader is missing, and "permission denied" for an unknown name if a folder of
    /// PATH is unreadable.
    fn start_failure(&self, error: io::Error) -> CommandEnd {
        match self.look_up() {
            Err(end) => end,
            Ok(()) if error.kind() == io::ErrorKind::NotFound => CommandEnd::CannotExecute(
                io::Error::other("the loader that the file names was not found"),
            ),
            Ok(()) => CommandEnd::CannotExecute(error),
        }
    }

    /// Waits for the end of COMMAND. Meanwhile passes signals on, and ends COMMAND if its time is
    /// over. `early` is a signal that came just before COMMAND was started.
    fn wait(
        &self,
        command: Pid,
        mut early: Option<SignalEvent>,
        mut deadlines: Deadlines,
        announcements: &Announcements<'_>,
    ) -> CommandEnd {
        loop {
            if let Some(end) = reap(command) {
                return deadlines.judge(end);
            }
            // Before the signals: a COMMAND that sends them without end must not get more time.
            let measure = deadlines.take_due(Instant::now());
            if measure == Some(Measure::GiveUp) {
                return deadlines.overdue(EndedBy::Nothing(command.as_raw()));
            }
            if let Some(measure) = measure {
                self.act(command, measure, &deadlines, announcements);
            }
            match early.take().or_else(|| self.signals.next(deadlines.next())) {
                Some(SignalEvent::Stop { signal, sender })
                    if sender != Sender::Process(command.as_raw()) =>
                {
                    deadlines.stop_requested(Instant::now());
                    if reached(command, signal, sender) {
                        announcements.reached(signal, deadlines.kill_due());
                    } else {
                        self.pass_on(command, signal);
                        announcements.passed_on(signal, deadlines.kill_due());
                    }
                }
                // The end of a child, a signal that COMMAND itself sent, or a time that has come.
                _ => {}
            }
        }
    }

    /// Takes a step against a COMMAND that does not end, and tells of it.
    fn act(
        &self,
        command: Pid,
        measure: Measure,
        deadlines: &Deadlines,
        announcements: &Announcements<'_>,
    ) {
        match measure {
            Measure::Terminate => {
                self.pass_on(command, SIGTERM);
                announcements.overdue(deadlines.kill_due());
            }
            Measure::Kill => {
                self.send(command, SIGKILL);
                announcements.killed();
            }
            Measure::GiveUp => {}
        }
    }

    /// Passes a signal on to COMMAND. A COMMAND that is stopped could not act on it, so what a
    /// service manager or a closed terminal sends is followed by CONT, as they do it themselves.
    fn pass_on(&self, command: Pid, signal: i32) {
        self.send(command, signal);
        if matches!(signal, SIGTERM | SIGHUP) {
            self.send(command, SIGCONT);
        }
    }

    /// Sends a signal with COMMAND's own privileges. COMMAND has not been reaped yet, so the pid
    /// cannot belong to another process.
    fn send(&self, command: Pid, signal: i32) {
        let _ = self.privileges.with_caller_privileges(|| signals::send(command, signal));
    }
}

/// Tells whether the system sent a signal to COMMAND, too. It sends the keys of a terminal to a
/// process group. A hangup it sends to the session leader only, and to the group after the leader.
fn reached(command: Pid, signal: i32, sender: Sender) -> bool {
    let for_group = match signal {
        SIGINT | SIGQUIT => true,
        SIGHUP => getsid(None) != Ok(getpid()),
        _ => false,
    };
    for_group && sender == Sender::Kernel && getpgid(Some(command)) == Ok(getpgrp())
}

/// Returns how COMMAND ended, if it has. As pid 1 this program reaps every orphan, too.
fn reap(command: Pid) -> Option<CommandEnd> {
    let awaited = if process::id() == 1 { None } else { wait::Pid::from_raw(command.as_raw()) };
    loop {
        match wait::waitpid(awaited, WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid.as_raw_pid() == command.as_raw() => {
                return Some(end(status));
            }
            Ok(None) => return None,
            Ok(Some(_)) | Err(Errno::INTR) => {}
            // No other code reaps COMMAND. If the system lost it, its status is unknown.
            Err(error) => return Some(CommandEnd::CannotExecute(error.into())),
        }
    }
}

/// Reads a status of `wait`.
fn end(status: WaitStatus) -> CommandEnd {
    match (status.terminating_signal(), status.exit_status()) {
        (Some(signal), _) => CommandEnd::Killed(signal),
        (None, exited) => {
            CommandEnd::Exited(exited.and_then(|it| u8::try_from(it).ok()).unwrap_or(u8::MAX))
        }
    }
}

/// Sets whether COMMAND inherits the locks of its snapshots.
fn set_flags(environment: &Environment<'_>, flags: FdFlags) -> io::Result<()> {
    let mut sublocks = environment.snapshots.iter().map(|snapshot| snapshot.sublock);
    Ok(sublocks.try_for_each(|sublock| rustix::io::fcntl_setfd(sublock, flags))?)
}
