//! Starts COMMAND and waits for it. No other file of this program starts a process.
//!
//! COMMAND is a direct child and inherits everything (process group, session, limits, umask,
//! descriptors). It also inherits the locked `misc/sublock`, which protects its snapshot even if
//! this program is killed. Which signals this program catches is decided in
//! [`signals`](crate::signals).
#![allow(clippy::disallowed_methods, reason = "only this file starts a process")]

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{self, Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dsnap_engine::run::environment::Environment;
use dsnap_engine::run::job::CommandEnd;
use dsnap_engine::system::privileges::Privileges;
use dsnap_engine::system::process::ProcessId;
use nix::errno::Errno;
use nix::sys::signal::{self, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid, getsid};
use rustix::io::FdFlags;

use crate::signals::{Sender, SignalEvent, Signals};
use crate::{core_dumps, environment};

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
    /// Runs COMMAND and waits for its end. Calls `started` with its process id.
    pub(crate) fn run(
        &self,
        environment: Option<&Environment<'_>>,
        started: &mut dyn FnMut(ProcessId),
    ) -> CommandEnd {
        let child = match self.start(environment) {
            Ok(child) => child,
            Err(error) => return self.start_failure(error),
        };
        STARTED.store(true, Ordering::SeqCst);
        let pid = Pid::from_raw(child.id().cast_signed());
        started(ProcessId::of_existing(pid.as_raw()));
        self.wait(pid)
    }

    fn start(&self, environment: Option<&Environment<'_>>) -> io::Result<Child> {
        let (program, arguments) =
            self.command.words.split_first().ok_or(io::ErrorKind::NotFound)?;
        let mut command = Command::new(program);
        command.args(arguments);
        let Some(environment) = environment else {
            return self.spawn(&mut command);
        };
        set_variables(&mut command, environment);
        rustix::io::fcntl_setfd(environment.sublock, FdFlags::empty())?;
        let child = self.spawn(&mut command);
        rustix::io::fcntl_setfd(environment.sublock, FdFlags::CLOEXEC)?;
        child
    }

    fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        self.privileges
            .with_caller_privileges(|| core_dumps::with_original_limit(|| command.spawn()))
    }

    /// Tells why COMMAND could not be started.
    ///
    /// The system's error is not enough: it is "not found" for a script whose interpreter is
    /// missing, and "permission denied" for an unknown name if a folder of PATH is unreadable.
    fn start_failure(&self, error: io::Error) -> CommandEnd {
        let exists = self.privileges.with_caller_privileges(|| self.exists());
        match error.kind() {
            io::ErrorKind::PermissionDenied if !exists && !self.is_path() => {
                CommandEnd::NotFound(io::ErrorKind::NotFound.into())
            }
            io::ErrorKind::NotFound if exists => CommandEnd::CannotExecute(io::Error::other(
                "the interpreter in its first line was not found",
            )),
            io::ErrorKind::NotFound => CommandEnd::NotFound(error),
            _ => CommandEnd::CannotExecute(error),
        }
    }

    /// Tells whether a file with COMMAND's name exists where the system looks for it.
    fn exists(&self) -> bool {
        let Some(program) = self.command.words.first() else { return false };
        if self.is_path() {
            return Path::new(program).is_file();
        }
        environment::search_path().iter().any(|folder| folder.join(program).is_file())
    }

    /// Tells whether COMMAND is given as a path. Otherwise the folders of PATH are searched.
    fn is_path(&self) -> bool {
        self.command.words.first().is_some_and(|program| program.as_bytes().contains(&b'/'))
    }

    /// Waits for the end of COMMAND. Meanwhile passes signals on, and kills COMMAND if its time is
    /// over.
    fn wait(&self, command: Pid) -> CommandEnd {
        let mut kill_at: Option<Instant> = None;
        loop {
            if let Some(end) = reap(command) {
                return end;
            }
            match self.signals.next(kill_at) {
                Some(SignalEvent::ChildEnded) => {}
                Some(SignalEvent::Stop { sender, .. })
                    if sender == Sender::Process(command.as_raw()) => {}
                Some(SignalEvent::Stop { signal, sender }) => {
                    kill_at =
                        kill_at.or(self.command.kill_after.map(|after| Instant::now() + after));
                    if !reached_command(signal, sender) {
                        self.send(command, Signal::try_from(signal).ok());
                    }
                }
                None => {
                    self.send(command, Some(Signal::SIGKILL));
                    kill_at = None;
                }
            }
        }
    }

    /// Sends a signal with COMMAND's own privileges. COMMAND has not been reaped yet, so the pid
    /// cannot belong to another process.
    fn send(&self, command: Pid, signal: Option<Signal>) {
        let _ = self.privileges.with_caller_privileges(|| signal::kill(command, signal));
    }
}

/// Tells whether the system sent a signal to COMMAND, too. It does so for the keys of a terminal,
/// but sends a hangup to the session leader only.
fn reached_command(signal: i32, sender: Sender) -> bool {
    match (sender, Signal::try_from(signal)) {
        (Sender::Kernel, Ok(Signal::SIGINT | Signal::SIGQUIT)) => true,
        (Sender::Kernel, Ok(Signal::SIGHUP)) => getsid(None) != Ok(getpid()),
        _ => false,
    }
}

/// Returns how COMMAND ended, if it has. As pid 1 this program reaps every orphan, too.
fn reap(command: Pid) -> Option<CommandEnd> {
    let awaited = if process::id() == 1 { None } else { Some(command) };
    loop {
        match waitpid(awaited, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, status)) if pid == command => {
                return Some(CommandEnd::Exited(u8::try_from(status & 0xff).unwrap_or(u8::MAX)));
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == command => {
                return Some(CommandEnd::Killed(signal as i32));
            }
            Ok(WaitStatus::StillAlive) => return None,
            Ok(_) | Err(Errno::EINTR) => {}
            // No other code reaps COMMAND. If the system lost it, its status is unknown.
            Err(error) => return Some(CommandEnd::CannotExecute(error.into())),
        }
    }
}

/// Tells COMMAND about its snapshot.
fn set_variables(command: &mut Command, environment: &Environment<'_>) {
    command
        .env("SNAPSHOT_VERSION", dsnap_engine::run::nested::VERSION)
        .env("SNAPSHOT_DIRECTORY", &environment.directory)
        .env("SNAPSHOT_TIMESTAMP", environment.timestamp.to_string())
        .env("SNAPSHOT_CODE", environment.code.as_str());
    match environment.tid {
        Some(tid) => command.env("SNAPSHOT_TID", format!("{:016X}", u64::from_be_bytes(tid))),
        None => command.env_remove("SNAPSHOT_TID"),
    };
}
