//! A process whose streams are read while it runs, so that every wait for it has a limit.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::waiting::{LIMIT, POLL_INTERVAL, wait_until};

/// A process that was started by a scenario and ends with it.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pub(super) stdout: Stream,
    pub(super) stderr: Stream,
}

impl Process {
    /// Starts it.
    pub(super) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = Stream::new("stdout", child.stdout.take());
        let stderr = Stream::new("stderr", child.stderr.take());
        Self { child, stdout, stderr }
    }

    pub(super) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Takes the writing end of its stdin, if that is a pipe.
    pub(super) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Writes a line to its stdin.
    pub(super) fn write_line(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
    }

    /// Waits for its end, if that comes soon; for one that nobody looks at any more.
    pub(super) fn wait_if_it_ends(&mut self) {
        let ended = |child: &mut Child| !matches!(child.try_wait(), Ok(None));
        let soon = Instant::now() + Duration::from_secs(10);
        while !ended(&mut self.child) && Instant::now() < soon {
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// Waits until both streams and the process have ended.
    #[track_caller]
    pub(super) fn end(mut self) -> Output {
        let stdout = self.stdout.read_to_end();
        let stderr = self.stderr.read_to_end();
        Output { status: self.status(), stdout, stderr }
    }

    #[track_caller]
    fn status(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the end of the process", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Process {
    /// Ends a process that a failed scenario leaves behind.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// One stream of a process. A thread reads it, so that reading can be given up.
#[derive(Debug)]
pub(super) struct Stream {
    name: &'static str,
    lines: Receiver<Vec<u8>>,
    read: Vec<u8>,
}

impl Stream {
    /// Reads from `source`; a stream without one has ended already.
    fn new(name: &'static str, source: Option<impl Read + Send + 'static>) -> Self {
        let (sender, lines) = channel();
        if let Some(source) = source {
            let mut source = BufReader::new(source);
            std::thread::spawn(move || {
                let mut line = Vec::new();
                while source.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                    if sender.send(std::mem::take(&mut line)).is_err() {
                        break;
                    }
                }
            });
        }
        Self { name, lines, read: Vec::new() }
    }

    /// Waits for the next line; none at the end of the stream.
    #[track_caller]
    pub(super) fn next_line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(LIMIT) {
            Ok(line) => {
                self.read.extend(&line);
                Some(String::from_utf8_lossy(&line).into_owned())
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                let (name, limit) = (self.name, LIMIT.as_secs());
                panic!("nothing more on {name} within {limit} s, after:\n{}", self.so_far())
            }
        }
    }

    /// What was read so far.
    pub(super) fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.read).into_owned()
    }

    /// Waits for the end of the stream; returns everything that was read from it.
    #[track_caller]
    fn read_to_end(&mut self) -> Vec<u8> {
        while self.next_line().is_some() {}
        std::mem::take(&mut self.read)
    }
}
