//! A connection over TCP or a Unix socket, and its messages as they arrive.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use socket2::SockRef;

use super::digest::{CODE_LENGTH, Codes};

/// The bit of a length that says that a code follows.
pub(super) const HAS_CODE: u32 = 1 << 31;

/// A connection of either kind, which one thread reads and another one writes.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    /// Ends both directions, so that the threads that use them end, too.
    pub(super) fn close(&self) {
        // An error means that the client has closed already.
        let _ = self.socket().shutdown(Shutdown::Both);
    }

    /// Makes the connection end with a reset. A Unix socket has no resets, so it just closes.
    pub(super) fn reset_at_end(&self) {
        let _ = self.socket().set_linger(Some(Duration::ZERO));
    }

    fn socket(&self) -> SockRef<'_> {
        match self {
            Self::Tcp(stream) => SockRef::from(stream),
            Self::Unix(stream) => SockRef::from(stream),
        }
    }
}

impl Read for &Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => (&mut &*stream).read(buffer),
            Stream::Unix(stream) => (&mut &*stream).read(buffer),
        }
    }
}

impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => (&mut &*stream).write(bytes),
            Stream::Unix(stream) => (&mut &*stream).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The messages of a client.
#[derive(Debug)]
pub(super) struct Incoming<'a> {
    stream: &'a Stream,
    codes: Option<Codes>,
}

impl<'a> Incoming<'a> {
    pub(super) fn of(stream: &'a Stream) -> Self {
        Self { stream, codes: None }
    }

    /// Requires the right code with every message from now on.
    pub(super) fn authenticate(&mut self, codes: Codes) {
        self.codes = Some(codes);
    }

    /// Receives a message.
    ///
    /// # Errors
    ///
    /// The client has closed, or a message lacks the code that it needs.
    pub(super) fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut head = [0; 4];
        self.stream.read_exact(&mut head)?;
        let head = u32::from_be_bytes(head);
        let mut code = [0; CODE_LENGTH];
        let has_code = head & HAS_CODE != 0;
        if has_code {
            self.stream.read_exact(&mut code)?;
        }
        let length = u64::from(head & !HAS_CODE);
        let mut body = Vec::new();
        // Grows with what arrives, not with what was announced.
        let read = self.stream.take(length).read_to_end(&mut body)?;
        let expected = self.codes.as_mut().map(|codes| codes.next(&body));
        // Real servers ignore a code before a login.
        let is_right = expected.is_none_or(|expected| has_code && expected == code);
        if read as u64 == length && is_right {
            Ok(body)
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }
}
