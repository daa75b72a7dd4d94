//! COMMAND: started here, waited for here. Nothing else in this program starts a process.
//!
//! COMMAND is a direct child and inherits everything (group, session, limits, umask,
//! descriptors) and the locked `misc/sublock`, so that its snapshot stays guaranteed even if
//! this program is killed.
#![allow(clippy::disallowed_methods, reason = "this is the place")]

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

use crate::signals::{Heard, Sender, Signals};
use crate::{cores, environment};

/// COMMAND was started: from then on the program cannot say any more that it was not run.
static BEGUN: AtomicBool = AtomicBool::new(false);

/// Whether COMMAND was started.
pub(crate) fn has_begun() -> bool {
    BEGUN.load(Ordering::SeqCst)
}

/// What there is to start, and how it may be ended.
#[derive(Debug)]
pub(crate) struct Spawn<'a> {
    /// COMMAND and its arguments; not empty.
    pub(crate) command: &'a [OsString],
    /// After a signal, COMMAND is killed when so much time has gone by.
    pub(crate) kill_after: Option<Duration>,
    pub(crate) rights: &'a Privileges,
    pub(crate) signals: &'a Signals,
}

impl Spawn<'_> {
    /// Runs COMMAND to its end.
    pub(crate) fn run(
        &self,
        environment: Option<&Environment<'_>>,
        began: &mut dyn FnMut(ProcessId),
    ) -> CommandEnd {
        let child = match self.start(environment) {
            Ok(child) => child,
            Err(error) => return self.not_started(error),
        };
        BEGUN.store(true, Ordering::SeqCst);
        let pid = Pid::from_raw(child.id().cast_signed());
        if let Some(process) = ProcessId::of(pid.as_raw()) {
            began(process);
        }
        self.wait(pid)
    }

    fn start(&self, environment: Option<&Environment<'_>>) -> io::Result<Child> {
        let (program, arguments) = self.command.split_first().ok_or(io::ErrorKind::NotFound)?;
        let mut command = Command::new(program);
        command.args(arguments);
        let Some(environment) = environment else {
            return self.rights.with_caller_privileges(|| cores::as_given(|| command.spawn()));
        };
        describe(&mut command, environment);
        rustix::io::fcntl_setfd(environment.sublock, FdFlags::empty())?;
        let child = self.rights.with_caller_privileges(|| cores::as_given(|| command.spawn()));
        rustix::io::fcntl_setfd(environment.sublock, FdFlags::CLOEXEC)?;
        child
    }

    fn not_started(&self, error: io::Error) -> CommandEnd {
        // The system says "not found" of a script, too, whose interpreter is; and "denied" of a
        // name that is nowhere, if a folder of PATH may not be looked into.
        let exists = self.rights.with_caller_privileges(|| self.exists());
        match error.kind() {
            io::ErrorKind::PermissionDenied if !exists && !self.is_path() => {
                CommandEnd::NotFound(io::ErrorKind::NotFound.into())
            }
            io::ErrorKind::NotFound if exists => CommandEnd::CannotExecute(io::Error::other(
                "its interpreter (the first line) is not found",
            )),
            io::ErrorKind::NotFound => CommandEnd::NotFound(error),
            _ => CommandEnd::CannotExecute(error),
        }
    }

    /// Whether there is a file of COMMAND's name, where the system looks for it.
    fn exists(&self) -> bool {
        let Some(program) = self.command.first() else { return false };
        if self.is_path() {
            return Path::new(program).is_file();
        }
        environment::search_path().iter().any(|folder| folder.join(program).is_file())
    }

    /// COMMAND is named by a path, and not looked for.
    fn is_path(&self) -> bool {
        self.command.first().is_some_and(|program| program.as_bytes().contains(&b'/'))
    }

    fn wait(&self, command: Pid) -> CommandEnd {
        let mut kill_at: Option<Instant> = None;
        loop {
            if let Some(end) = reap(command) {
                return end;
            }
            match self.signals.next(kill_at) {
                Some(Heard::Child) => {}
                Some(Heard::End { sender, .. }) if sender == Sender::Process(command.as_raw()) => {}
                Some(Heard::End { signal, sender }) => {
                    kill_at = kill_at.or(self.kill_after.map(|after| Instant::now() + after));
                    if !command_heard(signal, sender) {
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

    /// Sends with the rights that COMMAND has. It has not been waited for, so the pid is its own.
    fn send(&self, command: Pid, signal: Option<Signal>) {
        let _ = self.rights.with_caller_privileges(|| signal::kill(command, signal));
    }
}

/// What a terminal's keys send goes to COMMAND, too; its hangup to the leader of the session only.
fn command_heard(signal: i32, sender: Sender) -> bool {
    match (sender, Signal::try_from(signal)) {
        (Sender::Kernel, Ok(Signal::SIGINT | Signal::SIGQUIT)) => true,
        (Sender::Kernel, Ok(Signal::SIGHUP)) => getsid(None) != Ok(getpid()),
        _ => false,
    }
}

/// The end of COMMAND, if it came. As pid 1 this program is everybody's parent in the end.
fn reap(command: Pid) -> Option<CommandEnd> {
    let whom = if process::id() == 1 { None } else { Some(command) };
    loop {
        match waitpid(whom, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, status)) if pid == command => {
                return Some(CommandEnd::Exited(u8::try_from(status & 0xff).unwrap_or(u8::MAX)));
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == command => {
                return Some(CommandEnd::Killed(signal as i32));
            }
            Ok(WaitStatus::StillAlive) => return None,
            Ok(_) | Err(Errno::EINTR) => {}
            // Nobody else waits for it; if the system lost it, its status is not known.
            Err(error) => return Some(CommandEnd::CannotExecute(error.into())),
        }
    }
}

fn describe(command: &mut Command, environment: &Environment<'_>) {
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
