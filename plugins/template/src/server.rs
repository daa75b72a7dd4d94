//! The conversation: one line there, one line back.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use dsnap_sdk::{Reason, Request};

/// How often it is asked whether to stop, at least.
const LOOK: Duration = Duration::from_millis(100);
/// Connecting takes no longer.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer is waited for once the call is to stop.
const LAST: Duration = Duration::from_secs(20);
/// A longer answer is none, in bytes.
const LONGEST: usize = 4096;

/// The server that a line names.
#[derive(Debug)]
pub(crate) struct Server {
    name: String,
}

/// What it said.
#[derive(Debug)]
pub(crate) enum Answer {
    /// `ok`, and the words behind it.
    Ok(String),
    /// `busy`: waiting helps.
    Busy(Reason),
    /// `error`.
    Error(Reason),
    /// It could not even be asked, or `gone`: nobody has the storage open.
    Unreachable(Reason),
    /// It was asked, and no whole answer came.
    Missing(Reason),
}

impl Server {
    /// The one word of the line.
    pub(crate) fn of(words: &[OsString]) -> Result<Self, Reason> {
        match words {
            [name] if name.to_str().is_some_and(|name| name.contains(':')) => {
                Ok(Self { name: name.to_string_lossy().into_owned() })
            }
            _ => Err(Reason::new("`template` takes HOST:PORT")),
        }
    }

    /// Asks, and waits for the answer as long as the request allows.
    pub(crate) fn ask(&self, question: &str, request: &Request<'_>) -> Answer {
        let begun = Instant::now();
        let mut stream = match self.connect(request.time_left.unwrap_or(CONNECT).min(CONNECT)) {
            Ok(stream) => stream,
            Err(error) => {
                let reason = format!("no server answers at {}: {error}", self.name);
                return Answer::Unreachable(Reason::new(reason));
            }
        };
        let said = writeln!(stream, "{question}").and_then(|()| read(&mut stream, begun, request));
        said.map_or_else(
            |error| Answer::Missing(Reason::new(format!("{} gave no answer: {error}", self.name))),
            |line| self.understand(&line),
        )
    }

    fn connect(&self, time: Duration) -> io::Result<TcpStream> {
        let addresses: Vec<SocketAddr> = self.name.to_socket_addrs()?.collect();
        let address = addresses.first().ok_or(io::ErrorKind::NotFound)?;
        let stream = TcpStream::connect_timeout(address, time.max(LOOK))?;
        stream.set_read_timeout(Some(LOOK))?;
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
            _ => Answer::Missing(Reason::new(format!("{} says something strange", self.name))),
        }
    }
}

/// Reads the first line, asking now and then whether to stop.
fn read(stream: &mut TcpStream, begun: Instant, request: &Request<'_>) -> io::Result<String> {
    let (mut answer, mut stopping) = (Vec::new(), None);
    let mut piece = [0; 512];
    loop {
        let late = request.time_left.is_some_and(|time| begun.elapsed() >= time);
        if stopping.is_none() && request.caller.should_stop() {
            stopping = Some(Instant::now());
        }
        if late || stopping.is_some_and(|since: Instant| since.elapsed() >= LAST) {
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
        if answer.len() > LONGEST {
            return Err(io::Error::other("its answer is too long"));
        }
    }
}
