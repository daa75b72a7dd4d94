//! What an isolated process is sent and what it prints, read without waiting.
//!
//! When to stop reading, and how the process ends, is the parent module's part.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStdin};
use std::time::Duration;

use dsnap_core::method::{Caller, Message};
use dsnap_engine::limits;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::OnAnswer;
use crate::lines::{LimitedCaller, LineSplitter};

/// The streams of a process, and the descriptor that tells when it has ended.
// wide: one field for each pipe, and what was read from it
pub(super) struct Streams<'a> {
    pub(super) caller: &'a LimitedCaller<'a>,
    pidfd: OwnedFd,
    /// What is still to be written to its stdin.
    request: Vec<u8>,
    stdin: Option<ChildStdin>,
    stdout: Stream,
    stderr: Stream,
    /// The last line on stderr. It is held back, because it may be a reason instead of a message.
    pub(super) last_stderr_line: Option<Vec<u8>>,
    answer: Stream,
}

/// How many bytes are read from a pipe at once.
const PIECE: usize = 1 << 14;
/// More pieces than a pipe holds: a process that writes without end must not block the rest.
const PIECES_OF_PIPE: usize = 8;
/// How much is read between two pauses from a process that has written too much.
const PIECES_OF_FLOOD: usize = 2;

/// Opens the descriptor that tells when a child has ended.
pub(super) fn pidfd(child: i32) -> io::Result<OwnedFd> {
    let pid = Pid::from_raw(child).ok_or(io::ErrorKind::NotFound)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// Reads a stream and passes on its lines.
type ReadStream = fn(&mut Stream, &mut dyn FnMut(&[u8]));

/// One pipe from the process, read without waiting.
#[derive(Default)]
struct Stream {
    pipe: Option<std::fs::File>,
    lines: LineSplitter,
    /// How many bytes were read.
    count: usize,
}

impl<'a> Streams<'a> {
    /// Takes the streams of a process that was just started. `request` is written to its stdin, and
    /// its answers are read from the pipe `answers`.
    pub(super) fn of(
        child: &mut Child,
        answers: Option<OwnedFd>,
        request: Vec<u8>,
        caller: &'a LimitedCaller<'a>,
    ) -> io::Result<Self> {
        let stdin = child.stdin.take();
        if let Some(stdin) = &stdin {
            rustix::io::ioctl_fionbio(stdin, true)?;
        }
        Ok(Self {
            caller,
            pidfd: pidfd(child.id().cast_signed())?,
            request,
            stdin,
            stdout: Stream::new(child.stdout.take().map(OwnedFd::from))?,
            stderr: Stream::new(child.stderr.take().map(OwnedFd::from))?,
            last_stderr_line: None,
            answer: Stream::new(answers)?,
        })
    }

    /// Asks the process to stop, by one more byte behind its request.
    pub(super) fn send_stop(&mut self) {
        self.request.push(b'\n');
    }

    /// Waits for something to read, for at most `time`, which must be less than a second. Returns
    /// true once the process has ended.
    pub(super) fn wait(&mut self, time: Duration, on_answer: OnAnswer<'_>) -> io::Result<bool> {
        let pipes = [&self.stdout, &self.stderr, &self.answer];
        let pipes = pipes.into_iter().filter_map(|stream| stream.pipe.as_ref());
        let mut polled = vec![PollFd::new(&self.pidfd, PollFlags::IN)];
        polled.extend(pipes.map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        if let Some(stdin) = self.stdin.as_ref().filter(|_| !self.request.is_empty()) {
            polled.push(PollFd::new(stdin, PollFlags::OUT));
        }
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(time.subsec_nanos()) };
        match poll(&mut polled, Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => return Ok(false),
            Err(error) => return Err(error.into()),
            Ok(_) => {}
        }
        let ended = !polled[0].revents().is_empty();
        drop(polled);
        if (self.stdout.is_flooded() || self.stderr.is_flooded()) && !ended {
            std::thread::sleep(limits::FLOOD_PAUSE);
        }
        self.send();
        self.drain(on_answer);
        Ok(ended)
    }

    /// Says whether the answers are longer than those of a call that began so long ago can be.
    pub(super) fn answers_are_too_long(&self, time: Duration) -> bool {
        let seconds = usize::try_from(time.as_secs()).unwrap_or(usize::MAX);
        let progress = limits::MAX_ANSWER_PER_SECOND.saturating_mul(seconds);
        self.answer.count > limits::MAX_ANSWER.saturating_add(progress)
    }

    /// Writes as much of the request as the pipe takes.
    fn send(&mut self) {
        let Some(pipe) = &mut self.stdin else { return };
        match pipe.write(&self.request) {
            Ok(sent) => drop(self.request.drain(..sent)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // The process closed its stdin, so it does not want the rest.
            Err(_) => self.stdin = None,
        }
    }

    /// Reads what is there.
    fn drain(&mut self, on_answer: OnAnswer<'_>) {
        self.pass_on(on_answer, Stream::read);
    }

    /// Reads the rest, without waiting for a process that still has the pipe open.
    pub(super) fn finish(&mut self, on_answer: OnAnswer<'_>) {
        self.drain(on_answer);
        self.pass_on(on_answer, Stream::finish);
    }

    fn pass_on(&mut self, on_answer: OnAnswer<'_>, read: ReadStream) {
        let caller = self.caller;
        let say = |line: &[u8]| caller.say(Message::Words(&String::from_utf8_lossy(line)));
        read(&mut self.stdout, &mut |line| say(line));
        let last = &mut self.last_stderr_line;
        read(&mut self.stderr, &mut |line| {
            if let Some(before) = last.replace(line.to_vec()) {
                say(&before);
            }
        });
        read(&mut self.answer, &mut |line| on_answer(line, caller));
    }
}

impl Stream {
    fn new(pipe: Option<OwnedFd>) -> io::Result<Self> {
        if let Some(pipe) = &pipe {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        Ok(Self { pipe: pipe.map(std::fs::File::from), ..Self::default() })
    }

    /// Reads the rest of the pipe, and passes on an incomplete last line.
    fn finish(&mut self, take: &mut dyn FnMut(&[u8])) {
        self.read_pieces(PIECES_OF_PIPE, take);
        self.lines.finish(take);
        self.pipe = None;
    }

    /// Reads what is there, or less of it if the process has written too much already.
    fn read(&mut self, take: &mut dyn FnMut(&[u8])) {
        self.read_pieces(if self.is_flooded() { PIECES_OF_FLOOD } else { PIECES_OF_PIPE }, take);
    }

    /// Says whether the process has written so much that the rest is not shown. It is still read,
    /// because the last line may be a reason, but slowly: it must not keep this program busy.
    fn is_flooded(&self) -> bool {
        self.count > limits::MAX_CALL_OUTPUT
    }

    /// Reads so many pieces at most, and closes the pipe at its end.
    fn read_pieces(&mut self, pieces: usize, take: &mut dyn FnMut(&[u8])) {
        let mut piece = [0; PIECE];
        for _ in 0..pieces {
            let Some(pipe) = &mut self.pipe else { return };
            match pipe.read(&mut piece) {
                Ok(0) => {
                    self.lines.finish(take);
                    self.pipe = None;
                }
                Ok(count) => {
                    self.count = self.count.saturating_add(count);
                    self.lines.push(&piece[..count], take);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }
}
