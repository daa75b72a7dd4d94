//! The conversation with the server: one line to it, one line back.
//!
//! Replace this file. What an answer means for the storage is decided in `lib.rs`.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use dsnap_sdk::{Message, Reason, Request};

/// How long a read waits before the method asks again whether to stop.
const STOP_POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the method waits for an answer once the call should stop.
const LAST_ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// The size of an answer, in bytes.
const MAX_ANSWER: usize = 4096;

/// The server that a line names.
#[derive(Debug)]
pub(crate) struct Server {
    name: String,
}

/// The answer of the server.
#[derive(Debug)]
pub(crate) enum Answer {
    /// `ok`, with the words behind it.
    Ok(String),
    /// `busy`. Waiting helps.
    Busy(Reason),
    /// `error`.
    Error(Reason),
    /// The server cannot be reached, or says `gone`: no process has the storage open.
    Unreachable(Reason),
    /// The question was sent, and no complete answer came.
    Missing(Reason),
}

impl Server {
    /// Reads the one word of the line.
    ///
    /// # Errors
    ///
    /// The line does not have exactly one word of the form HOST:PORT.
    pub(crate) fn of(words: &[OsString]) -> Result<Self, Reason> {
        match words {
            [name] if name.to_str().is_some_and(|name| name.contains(':')) => {
                Ok(Self { name: name.to_string_lossy().into_owned() })
            }
            _ => Err(Reason::new("`template` takes HOST:PORT")),
        }
    }

    /// Sends a question, and waits for the answer as long as the request allows.
    pub(crate) fn ask(&self, question: &str, request: &Request<'_>) -> Answer {
        let began = Instant::now();
        let mut stream =
            match self.connect(request.time_left.unwrap_or(CONNECT_TIMEOUT).min(CONNECT_TIMEOUT)) {
                Ok(stream) => stream,
                Err(error) => {
                    let reason = format!("no server answers at {}: {error}", self.name);
                    return Answer::Unreachable(Reason::new(reason));
                }
            };
        request.caller.say(Message::Trace(&format!("sent `{question}`")));
        let answer =
            writeln!(stream, "{question}").and_then(|()| read(&mut stream, began, request));
        match answer {
            Ok(line) => {
                request.caller.say(Message::Trace(&format!("was answered `{line}`")));
                self.understand(&line)
            }
            Err(error) => {
                Answer::Missing(Reason::new(format!("{} gave no answer: {error}", self.name)))
            }
        }
    }

    fn connect(&self, time: Duration) -> io::Result<TcpStream> {
        let addresses: Vec<SocketAddr> = self.name.to_socket_addrs()?.collect();
        let address = addresses.first().ok_or(io::ErrorKind::NotFound)?;
        let stream = TcpStream::connect_timeout(address, time.max(STOP_POLL_INTERVAL))?;
        stream.set_read_timeout(Some(STOP_POLL_INTERVAL))?;
        Ok(stream)
    }

    fn understand(&self, line: &str) -> Answer {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let reason = || Reason::new(format!("{} says: {rest}", self.name));
        match word {
            "ok" => Answer::Ok(rest.to_owned()),
            "busy" => Answer::Busy(reason()),
            "gone" => Answer::Unreachable(reason()),
            "error" => Answer::Error(reason()),
            _ => Answer::Missing(Reason::new(format!(
                "{} gave an answer that is not understood",
                self.name
            ))),
        }
    }
}

/// Reads the first line of the answer, and asks now and then whether to stop.
fn read(stream: &mut TcpStream, began: Instant, request: &Request<'_>) -> io::Result<String> {
    let (mut answer, mut stopping_since) = (Vec::new(), None);
    let mut piece = [0; 512];
    loop {
        let late = request.time_left.is_some_and(|time| began.elapsed() >= time);
        if stopping_since.is_none() && request.caller.should_stop() {
            stopping_since = Some(Instant::now());
        }
        if late
            || stopping_since.is_some_and(|since: Instant| since.elapsed() >= LAST_ANSWER_TIMEOUT)
        {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match stream.read(&mut piece) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => answer.extend_from_slice(&piece[..count]),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                continue;
            }
            Err(error) => return Err(error),
        }
        if let Some(end) = answer.iter().position(|byte| *byte == b'\n') {
            return Ok(String::from_utf8_lossy(&answer[..end]).into_owned());
        }
        if answer.len() > MAX_ANSWER {
            return Err(io::Error::other("its answer is too long"));
        }
    }
}
