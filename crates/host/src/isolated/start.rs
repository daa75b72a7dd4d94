//! Starts an isolated process, and does what is necessary between fork and exec.
//!
//! What it inherits is chosen in `environment` and `privileges`. Listening to the process and ending
//! it is the parent module's part.
#![allow(unsafe_code, reason = "what is done between fork and exec")]
#![allow(clippy::disallowed_methods, reason = "this is the place that starts processes")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dsnap_engine::limits;
use nix::sys::signal::{self, Signal};

use super::{environment, privileges};

/// Starts a process. With `reads_stdin` its stdin is a pipe, otherwise the null device.
///
/// Should this program be killed, the process ends by SIGALRM some seconds after `time`.
pub(super) fn start(
    mut command: Command,
    reads_stdin: bool,
    inherits: &[BorrowedFd<'_>],
    time: Option<Duration>,
) -> io::Result<Child> {
    let stdin = if reads_stdin { Stdio::piped() } else { Stdio::null() };
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    environment::set(&mut command, privileges::are_lowered());
    let inherited: Vec<RawFd> = inherits.iter().map(|fd| fd.as_fd().as_raw_fd()).collect();
    // Nobody else would end the process.
    let alarm = time.map(|time| time.saturating_add(limits::ABANDONED_CALL_TIMEOUT).as_secs());
    let alarm = alarm.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX));
    // SAFETY: the closure runs in the forked child, where another thread's lock may stay locked for
    // ever. It only makes system calls: it does not allocate, takes no lock, and returns errors that
    // are plain numbers.
    unsafe {
        command.pre_exec(move || isolate(&inherited, alarm));
    }
    command.spawn()
}

/// Isolates the new process: gives it a session of its own, ignores the signals that end a run, and
/// drops our descriptors and the privileges that root only lowered. `alarm` is in seconds.
fn isolate(inherited: &[RawFd], alarm: Option<u32>) -> io::Result<()> {
    rustix::process::setsid()?;
    // SAFETY: the default action installs no handler.
    unsafe { signal::signal(Signal::SIGALRM, signal::SigHandler::SigDfl) }?;
    alarm.map(nix::unistd::alarm::set);
    // PIPE, too: if this program is killed, a leave must not end because it says something.
    for signal in
        [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGPIPE]
    {
        // SAFETY: ignoring a signal installs no handler.
        unsafe { signal::signal(signal, signal::SigHandler::SigIgn) }?;
    }
    close_on_exec()?;
    for fd in inherited {
        // SAFETY: the caller has borrowed the descriptor, and the fork has a copy of it.
        let fd = unsafe { BorrowedFd::borrow_raw(*fd) };
        rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty())?;
    }
    privileges::give_up()
}

/// Marks every descriptor above stderr to be closed by exec.
fn close_on_exec() -> io::Result<()> {
    const CLOSE_RANGE_CLOEXEC: nix::libc::c_uint = 1 << 2;
    // SAFETY: the call only sets flags of descriptors, and closes none.
    let result = unsafe {
        nix::libc::syscall(
            nix::libc::SYS_close_range,
            3,
            nix::libc::c_uint::MAX,
            CLOSE_RANGE_CLOEXEC,
        )
    };
    if result == 0 {
        return Ok(());
    }
    // Linux before 5.11 has no such call: set the flags one by one.
    for number in 3..1 << 16 {
        // SAFETY: the call sets a flag of a descriptor, or fails if that number is not open.
        unsafe { nix::libc::fcntl(number, nix::libc::F_SETFD, nix::libc::FD_CLOEXEC) };
    }
    Ok(())
}
