//! A process that isolates one call: started, listened to, and ended here. Nothing else in this
//! crate starts a process.
//!
//! It has a session of its own, ignores the signals that end a run, has none of our descriptors,
//! and if root stepped back to somebody's rights, nothing of root is left in it. The call ends
//! when that process does, not when its pipes do; then, or when its time is up, its whole group is
//! killed.
#![allow(unsafe_code, reason = "what is done between fork and exec")]
#![allow(clippy::disallowed_methods, reason = "this is the place")]

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use dsnap_core::method::{Caller, Message};
use dsnap_engine::limits;
use nix::errno::Errno;
use nix::sys::signal::{self, Signal};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, pidfd_open};

use crate::lines::{Lines, Measured};

/// Takes a line of the answer, and who hears the words that may be in it.
pub type Hear<'a> = &'a mut dyn FnMut(&[u8], &dyn Caller);

/// What there is to start, and who listens.
pub struct Job<'a> {
    /// The program, its arguments and environment; its streams are set here.
    pub command: Command,
    /// What it reads from its stdin; without it that is the null device.
    pub request: Option<Vec<u8>>,
    /// Descriptors that it inherits under the numbers that they have.
    pub inherits: Vec<BorrowedFd<'a>>,
    /// The reading end of the pipe on which it answers, if it does.
    pub answers: Option<OwnedFd>,
    /// How long it may take; `None` is for ever.
    pub time: Option<Duration>,
    /// Who hears its words, and may want it to stop.
    pub caller: &'a dyn Caller,
}

impl std::fmt::Debug for Job<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("command", &self.command).finish_non_exhaustive()
    }
}

/// How the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With that status.
    Exited(i32),
    /// By that signal, which was not ours.
    Killed(Signal),
    /// By us: its time was up, or it went on for too long after it was asked to stop.
    TimeUp(Duration),
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "it ended with status {status}"),
            Self::Killed(signal) => write!(f, "it was killed by {signal}"),
            Self::TimeUp(time) => {
                write!(
                    f,
                    "it was killed after {} s, when its time was up",
                    time.as_secs_f32().round()
                )
            }
        }
    }
}

/// What a process left.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub end: End,
    /// The last line that it wrote on stderr, which was not passed on as words.
    pub last_words: Option<Vec<u8>>,
}

impl Job<'_> {
    /// Runs the process to its end. `hear` takes each line of its answer as it comes, and to whom
    /// words in it are passed on: what is said beyond a megabyte is not.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub fn run(self, hear: Hear<'_>) -> io::Result<Ended> {
        let (answers, time, began) = (self.answers, self.time, Instant::now());
        let caller = Measured::new(self.caller);
        let mut child = start(self.command, self.request.is_some(), &self.inherits, time)?;
        let mut process = Process {
            pid: Pid::from_raw(child.id().cast_signed()),
            stdin: child.stdin.take(),
            ended: false,
        };
        let request = self.request.unwrap_or_default();
        let streams = Streams::of(&mut child, answers, &process, &request, &caller)?;
        let (end, streams) = process.listen(streams, began, time, hear)?;
        Ok(Ended { end, last_words: streams.last_words })
    }
}

/// The process while it runs. Dropping it ends it and its group.
struct Process {
    pid: Pid,
    stdin: Option<ChildStdin>,
    ended: bool,
}

impl Process {
    fn listen<'a>(
        &mut self,
        mut streams: Streams<'a>,
        began: Instant,
        time: Option<Duration>,
        hear: Hear<'_>,
    ) -> io::Result<(End, Streams<'a>)> {
        let mut deadline = time.and_then(|time| began.checked_add(time));
        let mut asked = false;
        loop {
            if !asked && streams.caller.should_stop() {
                asked = true;
                let last = Instant::now() + limits::LAST_ANSWER_TIMEOUT;
                deadline = Some(deadline.map_or(last, |deadline| deadline.min(last)));
                // One more byte behind the request. Who does not read it will be killed.
                streams.request.push(b'\n');
            }
            let left = deadline.map_or(limits::STOP_POLL_INTERVAL, |deadline| {
                deadline.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                self.end();
                streams.finish(hear);
                return Ok((End::TimeUp(began.elapsed()), streams));
            }
            if streams.wait(left.min(limits::STOP_POLL_INTERVAL / 2), &mut self.stdin, hear)? {
                // Its group is killed before its number can belong to somebody else.
                let end = self.end();
                streams.finish(hear);
                return Ok((end, streams));
            }
        }
    }

    /// Kills the group, and takes the status of the process itself, which keeps the one that it
    /// ended with by itself.
    fn end(&mut self) -> End {
        self.ended = true;
        let _ = signal::killpg(self.pid, Signal::SIGKILL);
        loop {
            return match waitpid(self.pid, None) {
                Err(Errno::EINTR) => continue,
                Ok(WaitStatus::Signaled(_, signal, _)) => End::Killed(signal),
                Ok(WaitStatus::Exited(_, status)) => End::Exited(status),
                _ => End::Exited(-1),
            };
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

/// Everything that is heard of the process.
struct Streams<'a> {
    caller: &'a Measured<'a>,
    pidfd: OwnedFd,
    request: Vec<u8>,
    stdout: Stream,
    stderr: Stream,
    /// The last line on stderr: held back, because it may be a reason and not words.
    last_words: Option<Vec<u8>>,
    answer: Stream,
}

/// How much of a stream is read.
type Reading = fn(&mut Stream, &mut dyn FnMut(&[u8]));

/// One pipe from the process, read without waiting.
#[derive(Default)]
struct Stream {
    pipe: Option<std::fs::File>,
    lines: Lines,
}

impl<'a> Streams<'a> {
    fn of(
        child: &mut Child,
        answers: Option<OwnedFd>,
        process: &Process,
        request: &[u8],
        caller: &'a Measured<'a>,
    ) -> io::Result<Self> {
        let pid = rustix::process::Pid::from_raw(process.pid.as_raw());
        let pid = pid.ok_or(io::ErrorKind::NotFound)?;
        if let Some(stdin) = &process.stdin {
            rustix::io::ioctl_fionbio(stdin, true)?;
        }
        Ok(Self {
            caller,
            pidfd: pidfd_open(pid, PidfdFlags::empty())?,
            request: request.to_vec(),
            stdout: Stream::new(child.stdout.take().map(OwnedFd::from))?,
            stderr: Stream::new(child.stderr.take().map(OwnedFd::from))?,
            last_words: None,
            answer: Stream::new(answers)?,
        })
    }

    /// Waits for something to read, at most `time`, which is less than a second; true once the process has ended.
    fn wait(
        &mut self,
        time: Duration,
        stdin: &mut Option<ChildStdin>,
        hear: Hear<'_>,
    ) -> io::Result<bool> {
        let pipes = [&self.stdout, &self.stderr, &self.answer];
        let pipes = pipes.into_iter().filter_map(|stream| stream.pipe.as_ref());
        let mut asked = vec![PollFd::new(&self.pidfd, PollFlags::IN)];
        asked.extend(pipes.map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        if let Some(stdin) = stdin.as_ref().filter(|_| !self.request.is_empty()) {
            asked.push(PollFd::new(stdin, PollFlags::OUT));
        }
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(time.subsec_nanos()) };
        match poll(&mut asked, Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => return Ok(false),
            Err(error) => return Err(error.into()),
            Ok(_) => {}
        }
        let ended = !asked[0].revents().is_empty();
        drop(asked);
        self.send(stdin);
        self.drain(hear);
        Ok(ended)
    }

    /// Writes as much of the request as is taken.
    fn send(&mut self, stdin: &mut Option<ChildStdin>) {
        let Some(pipe) = stdin else { return };
        match pipe.write(&self.request) {
            Ok(sent) => drop(self.request.drain(..sent)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // It closed its stdin: what it does without its request is its own affair.
            Err(_) => *stdin = None,
        }
    }

    /// Reads what there is.
    fn drain(&mut self, hear: Hear<'_>) {
        self.pass_on(hear, Stream::read);
    }

    /// Reads the rest: nobody is left who writes, or is waited for.
    fn finish(&mut self, hear: Hear<'_>) {
        self.drain(hear);
        self.pass_on(hear, Stream::finish);
    }

    fn pass_on(&mut self, hear: Hear<'_>, read: Reading) {
        let caller = self.caller;
        let say = |line: &[u8]| caller.say(Message::Words(&String::from_utf8_lossy(line)));
        read(&mut self.stdout, &mut |line| say(line));
        let last = &mut self.last_words;
        read(&mut self.stderr, &mut |line| {
            if let Some(before) = last.replace(line.to_vec()) {
                say(&before);
            }
        });
        read(&mut self.answer, &mut |line| hear(line, caller));
    }
}

impl Stream {
    fn new(pipe: Option<OwnedFd>) -> io::Result<Self> {
        if let Some(pipe) = &pipe {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        Ok(Self { pipe: pipe.map(std::fs::File::from), ..Self::default() })
    }

    /// Reads all that is left in the pipe, and takes what was begun for a line.
    fn finish(&mut self, take: &mut dyn FnMut(&[u8])) {
        self.read(take);
        self.lines.end(take);
        self.pipe = None;
    }

    /// Reads what there is, and closes the pipe at its end.
    fn read(&mut self, take: &mut dyn FnMut(&[u8])) {
        let mut piece = [0; 1 << 14];
        // As much as fits a pipe: whoever fills it without end must not keep us from looking around.
        for _ in 0..8 {
            let Some(pipe) = &mut self.pipe else { return };
            match pipe.read(&mut piece) {
                Ok(0) => {
                    self.lines.end(take);
                    self.pipe = None;
                }
                Ok(count) => self.lines.take(&piece[..count], take),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }
}

/// Starts it. Between fork and exec only what the system allows there is done: plain calls.
fn start(
    mut command: Command,
    reads: bool,
    inherits: &[BorrowedFd<'_>],
    time: Option<Duration>,
) -> io::Result<Child> {
    let stdin = if reads { Stdio::piped() } else { Stdio::null() };
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    let inherited: Vec<RawFd> = inherits.iter().map(|fd| fd.as_fd().as_raw_fd()).collect();
    // Should this program be gone by then: nobody else would end it.
    let alarm = time.map(|time| time.saturating_add(limits::ABANDONED_CALL_TIMEOUT).as_secs());
    let alarm = alarm.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX));
    // SAFETY: the closure runs in the forked child, where other threads' locks may be held for
    // ever. It makes system calls only: it allocates nothing, takes no lock, and returns errors
    // that are plain numbers.
    unsafe {
        command.pre_exec(move || alone(&inherited, alarm));
    }
    command.spawn()
}

/// In the new process: a session of its own, ignoring_stop to what ends a run, without our descriptors and
/// without rights that we have only stepped back from. `alarm` is when it ends by itself.
fn alone(inherited: &[RawFd], alarm: Option<u32>) -> io::Result<()> {
    rustix::process::setsid()?;
    // SAFETY: the default installs no handler.
    unsafe { signal::signal(Signal::SIGALRM, signal::SigHandler::SigDfl) }?;
    alarm.map(nix::unistd::alarm::set);
    // PIPE, too: if our program is killed, what a leave says must not end it.
    for signal in
        [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGPIPE]
    {
        // SAFETY: ignoring a signal installs no handler.
        unsafe { signal::signal(signal, signal::SigHandler::SigIgn) }?;
    }
    close_on_exec()?;
    for fd in inherited {
        // SAFETY: the caller has borrowed it, and the fork has a copy of it.
        let fd = unsafe { BorrowedFd::borrow_raw(*fd) };
        rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty())?;
    }
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    rustix::thread::set_thread_res_gid(group, group, group)?;
    rustix::thread::set_thread_res_uid(user, user, user)?;
    Ok(())
}

/// Marks every descriptor above stderr to be closed by exec.
fn close_on_exec() -> io::Result<()> {
    const CLOSE_RANGE_CLOEXEC: nix::libc::c_uint = 1 << 2;
    // SAFETY: the call only sets flags of descriptors; none is closed under anybody's feet.
    let done = unsafe {
        nix::libc::syscall(
            nix::libc::SYS_close_range,
            3,
            nix::libc::c_uint::MAX,
            CLOSE_RANGE_CLOEXEC,
        )
    };
    if done == 0 {
        return Ok(());
    }
    // Linux before 5.11: one by one, as far as they can be.
    for number in 3..1 << 16 {
        // SAFETY: sets a flag of a descriptor, or fails if there is none of that number.
        unsafe { nix::libc::fcntl(number, nix::libc::F_SETFD, nix::libc::FD_CLOEXEC) };
    }
    Ok(())
}
