//! A connection that can be cut off, and headers spelled as a real Zope spells them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Cuts one connection off.
#[derive(Debug, Clone, Default)]
pub(super) struct Scissors(Arc<Cuts>);

#[derive(Debug, Default)]
struct Cuts {
    reset: AtomicBool,
    ended: AtomicBool,
}

impl Scissors {
    /// The next thing that would be written resets the connection instead.
    pub(super) fn cut(&self) {
        self.0.reset.store(true, Ordering::SeqCst);
    }

    /// Nothing more is read, as if the client had ended: once the answer is out, the connection
    /// closes, without a header that says so.
    pub(super) fn end(&self) {
        self.0.ended.store(true, Ordering::SeqCst);
    }
}

/// The server's end of a connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    scissors: Scissors,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, scissors: Scissors) -> Self {
        Self { stream, scissors }
    }

    /// A connection that is closed with this setting is reset.
    fn reset(&self) -> io::Error {
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        io::ErrorKind::ConnectionReset.into()
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.scissors.0.ended.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.scissors.0.reset.load(Ordering::SeqCst) {
            return Poll::Ready(Err(self.reset()));
        }
        let bytes = spelled(bytes);
        Pin::new(&mut self.stream).poll_write(context, &bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// hyper writes `Www-Authenticate`, as no Zope does.
fn spelled(bytes: &[u8]) -> Vec<u8> {
    const OTHER: &[u8] = b"Www-Authenticate:";
    let mut bytes = bytes.to_owned();
    if let Some(at) = bytes.windows(OTHER.len()).position(|part| part == OTHER) {
        bytes[at..at + 3].copy_from_slice(b"WWW");
    }
    bytes
}
