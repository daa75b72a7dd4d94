//! A server on loopback that plays its script: one reply for each connection.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What happens on a connection.
pub(crate) enum Reply {
    /// The request is read, this is sent, and then the client hangs up.
    Bytes(Vec<u8>),
    /// The same in the smallest pieces.
    Slowly(Vec<u8>),
    /// The request is read, this is sent, and the connection ends.
    Half(Vec<u8>),
    /// The request is read; then nothing but the client's end of patience.
    Silence,
    /// The connection is reset, its request unread.
    Reset,
    /// This is sent, and then letters until the client has had enough.
    Endless(Vec<u8>),
    /// The request is read; this is sent when the other end of the channel says so.
    WhenTold(mpsc::Receiver<()>, Vec<u8>),
}

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Asked {
    /// `method(argument)`.
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
    asked: Arc<Mutex<Vec<Asked>>>,
    connected: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// Sent by nobody but the test that wants the server to end.
const END: &[u8] = b"END\r\n\r\n";

impl Server {
    /// A server that gives these replies and then is gone.
    pub(crate) fn playing(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::start(None, replies)
    }

    /// The same behind TLS.
    pub(crate) fn playing_tls(tls: ServerConfig, replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::start(Some(Arc::new(tls)), replies)
    }

    fn start(tls: Option<Arc<ServerConfig>>, replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies: Vec<_> = replies.into_iter().collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let connected = Arc::new(AtomicBool::new(false));
        let (log, flag) = (Arc::clone(&asked), Arc::clone(&connected));
        let mut listener = (!replies.is_empty()).then_some(listener);
        let thread = thread::spawn(move || {
            let mut replies = replies.into_iter().peekable();
            while let (Some(open), Some(reply)) = (&listener, replies.next()) {
                let (stream, _) = open.accept().unwrap();
                flag.store(true, Ordering::SeqCst);
                // Behind the last connection there is nobody any more.
                listener = listener.filter(|_| replies.peek().is_some());
                // Whatever the client does to the connection is part of the play.
                if play(stream, tls.as_ref(), reply, &log).is_ok_and(|ended| ended) {
                    return;
                }
            }
        });
        Self { address, asked, connected, thread }
    }

    /// Its URL with a path, without a scheme.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// Its toolkit's URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.at("/DSToolkit"))
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Set as soon as somebody has connected.
    pub(crate) fn connected(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.connected)
    }

    /// Grows with each request that was read.
    pub(crate) fn log(&self) -> Arc<Mutex<Vec<Asked>>> {
        Arc::clone(&self.asked)
    }

    /// Ends it; what it was asked.
    pub(crate) fn requests(self) -> Vec<Asked> {
        if let Ok(mut stream) = TcpStream::connect(self.address) {
            let _ = stream.write_all(END);
        }
        self.thread.join().unwrap();
        let asked = self.asked.lock().unwrap();
        asked.clone()
    }

    /// Ends it; what it was asked, in short.
    pub(crate) fn calls(self) -> Vec<String> {
        self.requests().iter().map(Asked::call).collect()
    }
}

/// Plays one reply, behind TLS if there is any; true if the test wants the server to end.
fn play(
    mut stream: TcpStream,
    tls: Option<&Arc<ServerConfig>>,
    reply: Reply,
    log: &Mutex<Vec<Asked>>,
) -> io::Result<bool> {
    let Some(tls) = tls else { return serve(&mut stream, reply, log) };
    let tls = ServerConnection::new(Arc::clone(tls)).unwrap();
    serve(&mut StreamOwned::new(tls, stream), reply, log)
}

/// Plays one reply; true if the test wants the server to end.
fn serve<S: Read + Write>(
    stream: &mut S,
    reply: Reply,
    log: &Mutex<Vec<Asked>>,
) -> io::Result<bool> {
    if let Reply::Reset = reply {
        // What lies unread when a connection is closed resets it.
        let mut first = [0; 1];
        stream.read_exact(&mut first)?;
        return Ok(first[0] == END[0]);
    }
    let asked = request(stream)?;
    if asked.head.as_bytes() == END {
        return Ok(true);
    }
    log.lock().unwrap().push(asked);
    match reply {
        Reply::Bytes(bytes) => stream.write_all(&bytes).and_then(|()| stream.flush())?,
        Reply::Half(bytes) => return stream.write_all(&bytes).map(|()| false),
        Reply::Slowly(bytes) => {
            for byte in bytes {
                stream.write_all(&[byte])?;
                stream.flush()?;
            }
        }
        Reply::Endless(bytes) => {
            stream.write_all(&bytes)?;
            loop {
                stream.write_all(&[b'x'; 4096])?;
            }
        }
        Reply::WhenTold(told, bytes) => {
            told.recv().unwrap();
            stream.write_all(&bytes)?;
        }
        Reply::Silence | Reply::Reset => {}
    }
    let _ = stream.read(&mut [0; 1]);
    Ok(false)
}

fn request(stream: &mut impl Read) -> io::Result<Asked> {
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
    Ok(Asked { head, body: String::from_utf8(body).unwrap() })
}
