//! A process that isolates one call: started, listened to, and ended here.
//!
//! The process has a session of its own, works in `/` and ignores the signals that end a run. It has
//! none of our descriptors. If root lowered its privileges, the process cannot raise them again, and
//! it gets nothing of root's environment and keyrings. The call ends when the process does, even if
//! another process still has its pipes open. When it ends or its time is up, its whole process group
//! is killed. Nothing that it sends makes this program's memory grow without limit.
//!
//! Nothing else in this crate starts a process. `start` does so, with what `environment` and
//! `privileges` leave it; `streams` is what is read and written. What the answers mean is the
//! caller's part (`loaded`, the method `exec`).

mod environment;
mod privileges;
mod start;
mod streams;

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::process::Command;
use std::time::{Duration, Instant};

use dsnap_core::method::Caller;
use dsnap_core::text;
use dsnap_engine::limits;
use dsnap_engine::system::real_user::as_real_user;
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{WaitOptions, waitpid};

use self::streams::Streams;
use crate::lines::LimitedCaller;
use crate::signals;

/// Takes a line of the process's answer, and the caller that gets the messages in it.
pub type OnAnswer<'a> = &'a mut dyn FnMut(&[u8], &dyn Caller);

/// A process to run, and the caller that listens to it.
pub struct IsolatedProcess<'a> {
    /// The program, its arguments and environment. [`run`](Self::run) sets its streams.
    pub command: Command,
    /// What the process reads from its stdin. With `None` that is the null device.
    pub request: Option<Vec<u8>>,
    /// Descriptors that the process inherits, under the same numbers.
    pub inherits: Vec<BorrowedFd<'a>>,
    /// The reading end of the pipe on which the process answers, if it does.
    pub answers: Option<OwnedFd>,
    /// How long the process may run. `None` means without limit.
    pub time: Option<Duration>,
    /// The caller: it takes messages and may want the process to stop.
    pub caller: &'a dyn Caller,
}

impl std::fmt::Debug for IsolatedProcess<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IsolatedProcess").field("command", &self.command).finish_non_exhaustive()
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessEnd {
    /// With this exit status.
    Exited(i32),
    /// By this signal, which this program did not send.
    Killed(i32),
    /// Killed by this program after this time: its time was up, or it did not stop when asked to.
    TimeUp(Duration),
    /// Killed by this program, because its answers were too long.
    AnsweredTooMuch,
    /// This program tried to kill it, but it still runs. It has this process id.
    NotKilled(i32),
    /// Killed by this program, which could not read its output. Contains the number of the error.
    OutputUnreadable(i32),
}

/// Completes a sentence whose subject is the process.
impl std::fmt::Display for ProcessEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exited with status {status}"),
            Self::Killed(signal) => write!(f, "was killed by SIG{}", signals::name(*signal)),
            Self::TimeUp(time) => {
                write!(f, "was killed after {} s, when its time was up", time.as_secs_f32().round())
            }
            Self::AnsweredTooMuch => f.write_str("was killed, because it answered without end"),
            Self::NotKilled(pid) => {
                write!(f, "did not end when it was killed, and still runs (pid {pid})")
            }
            Self::OutputUnreadable(number) => {
                let error = text::error(&io::Error::from_raw_os_error(*number));
                write!(f, "was killed, because dsnap could not read its output: {error}")
            }
        }
    }
}

/// A process that has ended.
#[derive(Debug)]
pub struct EndedProcess {
    /// How the process ended.
    pub end: ProcessEnd,
    /// Its last line on stderr, which the caller did not get as a message.
    pub last_stderr_line: Option<Vec<u8>>,
}

impl IsolatedProcess<'_> {
    /// Runs the process to its end. `on_answer` takes each line of its answer as it comes.
    ///
    /// The caller gets at most [`MAX_CALL_OUTPUT`](limits::MAX_CALL_OUTPUT) bytes of messages.
    ///
    /// # Errors
    ///
    /// The process cannot be started. If its output cannot be read, that is no error: the process is killed, and
    /// the result says so, because it may have had an effect.
    pub fn run(self, on_answer: OnAnswer<'_>) -> io::Result<EndedProcess> {
        let (answers, time, began) = (self.answers, self.time, Instant::now());
        let caller = LimitedCaller::new(self.caller);
        let mut child = start::start(self.command, self.request.is_some(), &self.inherits, time)?;
        let mut process = Process { pid: Pid::from_raw(child.id().cast_signed()), ended: false };
        let request = self.request.unwrap_or_default();
        let heard = Streams::of(&mut child, answers, request, &caller).and_then(|mut streams| {
            let end = process.listen(&mut streams, began, time, on_answer)?;
            Ok(EndedProcess { end, last_stderr_line: streams.last_stderr_line })
        });
        Ok(heard.unwrap_or_else(|error| EndedProcess {
            end: ProcessEnd::OutputUnreadable(error.raw_os_error().unwrap_or_default()),
            last_stderr_line: None,
        }))
    }
}

/// A process while it runs. Dropping it kills the process and its group.
struct Process {
    pid: Pid,
    ended: bool,
}

impl Process {
    /// Listens to the process until it has ended or its time is up.
    fn listen(
        &mut self,
        streams: &mut Streams<'_>,
        began: Instant,
        time: Option<Duration>,
        on_answer: OnAnswer<'_>,
    ) -> io::Result<ProcessEnd> {
        let mut deadline = time.and_then(|time| began.checked_add(time));
        let mut stop_sent = false;
        loop {
            if !stop_sent && streams.caller.should_stop() {
                stop_sent = true;
                let last = Instant::now() + limits::LAST_ANSWER_TIMEOUT;
                deadline = Some(deadline.map_or(last, |deadline| deadline.min(last)));
                streams.send_stop();
            }
            let left = deadline.map_or(limits::STOP_POLL_INTERVAL, |deadline| {
                deadline.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                return Ok(self.kill(streams, on_answer, ProcessEnd::TimeUp(began.elapsed())));
            }
            if streams.answers_are_too_long(began.elapsed()) {
                return Ok(self.kill(streams, on_answer, ProcessEnd::AnsweredTooMuch));
            }
            if streams.wait(left.min(limits::STOP_POLL_INTERVAL / 2), on_answer)? {
                // Kills the group before another process can get its number.
                let end = self.end().unwrap_or(ProcessEnd::NotKilled(self.pid.as_raw()));
                streams.finish(on_answer);
                return Ok(end);
            }
        }
    }

    /// Kills the process for the reason `end`.
    fn kill(
        &mut self,
        streams: &mut Streams<'_>,
        on_answer: OnAnswer<'_>,
        end: ProcessEnd,
    ) -> ProcessEnd {
        let ended = self.end();
        streams.finish(on_answer);
        ended.map_or(ProcessEnd::NotKilled(self.pid.as_raw()), |_| end)
    }

    /// Kills the process group and reaps its leader. A leader that had already exited keeps its own
    /// exit status. `None` if the leader still runs.
    fn end(&mut self) -> Option<ProcessEnd> {
        self.ended = true;
        // It may have become another user, whom the storage owner cannot send a signal.
        let _ = as_real_user(|| signal::killpg(self.pid, Signal::SIGKILL));
        wait_for_end(self.pid, limits::KILL_TIMEOUT);
        match waitpid(rustix::process::Pid::from_raw(self.pid.as_raw()), WaitOptions::NOHANG) {
            Ok(None) => None,
            Ok(Some((_, status))) => Some(match status.terminating_signal() {
                Some(signal) => ProcessEnd::Killed(signal),
                None => ProcessEnd::Exited(status.exit_status().unwrap_or(-1)),
            }),
            Err(_) => Some(ProcessEnd::Exited(-1)),
        }
    }
}

/// Waits until a child has ended, for `timeout` at most.
fn wait_for_end(child: Pid, timeout: Duration) {
    let deadline = Instant::now() + timeout;
    let Ok(pidfd) = streams::pidfd(child.as_raw()) else { return };
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).unwrap_or_default();
        let mut polled = [PollFd::new(&pidfd, PollFlags::IN)];
        // A signal to this program may interrupt the wait.
        if left.is_zero() || poll(&mut polled, Some(&timeout)) != Err(rustix::io::Errno::INTR) {
            return;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.ended {
            self.end();
        }
    }
}
