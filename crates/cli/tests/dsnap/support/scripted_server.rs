//! A server that gives one scripted answer to each connection, even a malformed one.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long the server waits for a client that neither reads nor closes.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(30);

/// A running server on loopback, which ends with its scenario.
#[derive(Debug)]
pub(crate) struct ScriptedServer {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ScriptedServer {
    /// Starts a server. It reads each request as far as it comes at once, and lets `answer` write.
    /// A client that closes the connection is no error.
    pub(crate) fn start(
        answer: impl Fn(&[u8], &mut TcpStream) -> io::Result<()> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ended = Arc::new(AtomicBool::new(false));
        let is_ended = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if is_ended.load(Ordering::SeqCst) {
                    return;
                }
                let _ = stream.and_then(|stream| serve(stream, &answer));
            }
        });
        Self { address, ended, thread: Some(thread) }
    }

    /// The URL of the toolkit that the server pretends to be.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/DSToolkit", self.address)
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn serve(
    mut stream: TcpStream,
    answer: &impl Fn(&[u8], &mut TcpStream) -> io::Result<()>,
) -> io::Result<()> {
    stream.set_read_timeout(Some(CLIENT_TIMEOUT))?;
    stream.set_write_timeout(Some(CLIENT_TIMEOUT))?;
    let mut request = Vec::new();
    while !request.ends_with(b"</methodCall>\n") {
        let mut piece = [0; 4096];
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            length => request.extend_from_slice(&piece[..length]),
        }
    }
    answer(&request, &mut stream)
}
