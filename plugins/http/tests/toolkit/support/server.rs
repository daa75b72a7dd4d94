//! A server on loopback that follows a script: one reply for each connection.
//!
//! Every wait for the client has the limit [`WAIT_LIMIT`], so a test that goes wrong fails instead of
//! hanging.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::wait::{self, WAIT_LIMIT};

/// What the server does on one connection.
pub(crate) enum Reply {
    /// Reads the request, sends this, and waits for the client to close the connection.
    Bytes(Vec<u8>),
    /// The same, byte by byte.
    Slowly(Vec<u8>),
    /// Reads the request, sends this, and closes the connection.
    Cut(Vec<u8>),
    /// Reads the request, sends nothing, and waits for the client to close the connection.
    Silence,
    /// Resets the connection without reading the request.
    Reset,
    /// Reads the request, sends this, and then more and more bytes until the client closes the
    /// connection.
    Endless(Vec<u8>),
    /// Reads the request, and sends this as soon as the channel says so.
    WhenTold(mpsc::Receiver<()>, Vec<u8>),
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Received {
    /// Returns the XML-RPC call as `method(argument)`.
    pub(crate) fn call(&self) -> String {
        let between = |open: &str, close: &str| {
            let (_, rest) = self.body.split_once(open)?;
            Some(rest.split_once(close)?.0.to_owned())
        };
        let method = between("<methodName>", "</methodName>").unwrap_or_default();
        format!("{method}({})", between("<string>", "</string>").unwrap_or_default())
    }
}

/// A running server.
pub(crate) struct Server {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    connected: Arc<AtomicBool>,
    /// Closed when the server's thread ends.
    ended: mpsc::Receiver<()>,
}

/// What a test sends to end the server.
const END: &[u8] = b"END\r\n\r\n";

/// More than any client reads of an endless reply, in bytes.
const MAX_ENDLESS_REPLY: u64 = 256 << 20;

impl Server {
    /// Starts a server that gives these replies and then closes its port.
    pub(crate) fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::start_with(None, replies)
    }

    /// Starts a server that does the same over TLS.
    pub(crate) fn start_tls(tls: ServerConfig, replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::start_with(Some(Arc::new(tls)), replies)
    }

    fn start_with(
        tls: Option<Arc<ServerConfig>>,
        replies: impl IntoIterator<Item = Reply>,
    ) -> Self {
        let replies: Vec<_> = replies.into_iter().collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (running, ended) = mpsc::channel();
        let server = Self { address, received: Arc::default(), connected: Arc::default(), ended };
        let (received, connected) = (server.received(), server.connected());
        let mut listener = (!replies.is_empty()).then_some(listener);
        thread::spawn(move || {
            let _running: mpsc::Sender<()> = running;
            let mut replies = replies.into_iter().peekable();
            while let (Some(open), Some(reply)) = (&listener, replies.next()) {
                let stream = wait::accept(open).unwrap();
                connected.store(true, Ordering::SeqCst);
                // After the last connection, the port is closed.
                listener = listener.filter(|_| replies.peek().is_some());
                // The client may do anything to the connection; that is part of the scenario.
                if serve(stream, tls.as_ref(), reply, &received).is_ok_and(|ended| ended) {
                    return;
                }
            }
        });
        server
    }

    /// Returns its address with a path, without a scheme.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// Returns the URL of its toolkit.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.at("/DSToolkit"))
    }

    /// Returns its port.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns a flag that is set as soon as a client has connected.
    pub(crate) fn connected(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.connected)
    }

    /// Returns the requests so far; the list grows.
    pub(crate) fn received(&self) -> Arc<Mutex<Vec<Received>>> {
        Arc::clone(&self.received)
    }

    /// Ends the server. Returns the requests that it received.
    pub(crate) fn requests(self) -> Vec<Received> {
        if let Ok(mut stream) = TcpStream::connect(self.address) {
            let _ = stream.write_all(END);
        }
        let ended = self.ended.recv_timeout(WAIT_LIMIT);
        assert_eq!(ended, Err(mpsc::RecvTimeoutError::Disconnected), "the server did not end");
        let received = self.received.lock().unwrap();
        received.clone()
    }

    /// Ends the server. Returns the calls that it received, in short.
    pub(crate) fn calls(self) -> Vec<String> {
        self.requests().iter().map(Received::call).collect()
    }
}

/// Gives one reply, over TLS if configured. Returns true if the test wants the server to end.
fn serve(
    mut stream: TcpStream,
    tls: Option<&Arc<ServerConfig>>,
    reply: Reply,
    received: &Mutex<Vec<Received>>,
) -> io::Result<bool> {
    let Some(tls) = tls else { return give_reply(&mut stream, reply, received) };
    let tls = ServerConnection::new(Arc::clone(tls)).unwrap();
    give_reply(&mut StreamOwned::new(tls, stream), reply, received)
}

/// Gives one reply. Returns true if the test wants the server to end.
fn give_reply<S: Read + Write>(
    stream: &mut S,
    reply: Reply,
    received: &Mutex<Vec<Received>>,
) -> io::Result<bool> {
    if let Reply::Reset = reply {
        // Closing a connection with unread bytes resets it.
        let mut first = [0; 1];
        stream.read_exact(&mut first)?;
        return Ok(first[0] == END[0]);
    }
    let request = read_request(stream)?;
    if request.head.as_bytes() == END {
        return Ok(true);
    }
    received.lock().unwrap().push(request);
    match reply {
        Reply::Bytes(bytes) => stream.write_all(&bytes).and_then(|()| stream.flush())?,
        Reply::Cut(bytes) => return stream.write_all(&bytes).map(|()| false),
        Reply::Slowly(bytes) => {
            for byte in bytes {
                stream.write_all(&[byte])?;
                stream.flush()?;
            }
        }
        Reply::Endless(bytes) => {
            stream.write_all(&bytes)?;
            io::copy(&mut io::repeat(b'x').take(MAX_ENDLESS_REPLY), stream)?;
        }
        Reply::WhenTold(told, bytes) => {
            told.recv_timeout(WAIT_LIMIT).unwrap();
            stream.write_all(&bytes)?;
        }
        Reply::Silence | Reply::Reset => {}
    }
    let _ = stream.read(&mut [0; 1]);
    Ok(false)
}

fn read_request(stream: &mut impl Read) -> io::Result<Received> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0; 1];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    Ok(Received { head, body: String::from_utf8(body).unwrap() })
}

/// Starts a server that answers the first bytes of the handshake with these. Returns its port.
pub(crate) fn server_answering(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut stream = wait::accept(&listener).unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(bytes);
        let _ = stream.read(&mut [0; 4096]);
    });
    port
}
