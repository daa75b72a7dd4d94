//! A connection that a fault can cut, with headers spelled as a real Zope spells them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Ends one connection, from the code that answers its requests.
#[derive(Debug, Clone, Default)]
pub(super) struct ConnectionControl(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    reset: AtomicBool,
    read_ended: AtomicBool,
}

impl ConnectionControl {
    /// Resets the connection instead of the next write.
    pub(super) fn reset(&self) {
        self.0.reset.store(true, Ordering::SeqCst);
    }

    /// Reads nothing more, as if the client had closed: after the answer the connection closes,
    /// without a header that announces it.
    pub(super) fn close_after_answer(&self) {
        self.0.read_ended.store(true, Ordering::SeqCst);
    }
}

/// The server's end of a connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    control: ConnectionControl,
    /// How this Zope spells `WWW-Authenticate`.
    spelling: &'static [u8],
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        control: ConnectionControl,
        spelling: &'static [u8],
    ) -> Self {
        Self { stream, control, spelling }
    }

    /// Makes closing the connection a reset; returns the error of the write.
    fn reset(&self) -> io::Error {
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        io::ErrorKind::ConnectionReset.into()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.control.0.read_ended.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.control.0.reset.load(Ordering::SeqCst) {
            return Poll::Ready(Err(self.reset()));
        }
        let bytes = with_zopes_spelling(bytes, self.spelling);
        Pin::new(&mut self.stream).poll_write(context, &bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Spells `WWW-Authenticate` as Zope does; hyper writes `Www-Authenticate`.
fn with_zopes_spelling(bytes: &[u8], spelling: &[u8]) -> Vec<u8> {
    const HYPERS: &[u8] = b"Www-Authenticate";
    let mut bytes = bytes.to_owned();
    if let Some(at) = bytes.windows(HYPERS.len()).position(|part| part == HYPERS) {
        bytes[at..at + HYPERS.len()].copy_from_slice(spelling);
    }
    bytes
}
