//! A proxy that notes when requests and answers pass.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// More than a whole call needs.
const BUFFER: usize = 1 << 16;

/// A proxy on the loopback interface. Dropping it closes its port.
#[derive(Debug)]
pub(super) struct Proxy {
    address: SocketAddr,
    /// The path of the toolkit object.
    path: String,
    passed: Arc<Mutex<Passed>>,
    ended: Arc<AtomicBool>,
}

/// What passed, and when.
#[derive(Debug, Default)]
struct Passed {
    asked_to_enter: bool,
    /// The answer to the enter.
    entered: Option<Instant>,
    /// The request to leave.
    leaving: Option<Instant>,
}

impl Passed {
    fn note(&mut self, to_server: bool, bytes: &[u8]) {
        let contains = |word: &str| bytes.windows(word.len()).any(|part| part == word.as_bytes());
        match to_server {
            true if contains("enterSnapshot") => self.asked_to_enter = true,
            true if contains("leaveSnapshot") => {
                self.leaving.get_or_insert_with(Instant::now);
            }
            false if self.asked_to_enter => {
                self.entered.get_or_insert_with(Instant::now);
            }
            _ => {}
        }
    }
}

impl Proxy {
    /// Listens on a free port, and passes everything on to the server of `url`.
    pub(super) fn start(url: &str) -> Result<Self> {
        let rest = url
            .strip_prefix("http://")
            .context("the URL of the Zope does not begin with http://")?;
        let (server, path) = rest.split_once('/').context("the URL of the Zope has no path")?;
        let server: SocketAddr = server.parse()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let proxy = Self {
            address: listener.local_addr()?,
            path: path.to_owned(),
            passed: Arc::default(),
            ended: Arc::default(),
        };
        let (passed, ended) = (Arc::clone(&proxy.passed), Arc::clone(&proxy.ended));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                // A connection that cannot be passed on is closed, and the client says so.
                _ = connect(&client, server, &passed);
            }
        });
        Ok(proxy)
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/{}", self.address, self.path)
    }

    /// Forgets what passed.
    pub(super) fn forget(&self) {
        *lock(&self.passed) = Passed::default();
    }

    /// Returns the time between the answer to the enter and the request to leave.
    pub(super) fn frozen(&self) -> Option<Duration> {
        let passed = lock(&self.passed);
        Some(passed.leaving?.saturating_duration_since(passed.entered?))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // The listening thread looks at the flag only when a client connects.
        _ = TcpStream::connect(self.address);
    }
}

/// Passes both directions of a connection on, until both ends have closed.
fn connect(client: &TcpStream, server: SocketAddr, passed: &Arc<Mutex<Passed>>) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    for (from, to, to_server) in [(client, &server, true), (&server, client, false)] {
        let (from, to, passed) = (from.try_clone()?, to.try_clone()?, Arc::clone(passed));
        to.set_nodelay(true)?;
        thread::spawn(move || pass_on(from, to, to_server, &passed));
    }
    Ok(())
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, to_server: bool, passed: &Mutex<Passed>) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        lock(passed).note(to_server, &buffer[..read]);
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    _ = to.shutdown(Shutdown::Write);
}

fn lock(passed: &Mutex<Passed>) -> MutexGuard<'_, Passed> {
    passed.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_begins_with_the_answer_to_the_enter_and_ends_with_the_request_to_leave() {
        let proxy = Proxy::start("http://127.0.0.1:1/DSToolkit").unwrap();
        let note = |to_server, bytes: &[u8]| lock(&proxy.passed).note(to_server, bytes);
        note(false, b"HTTP/1.1 200 OK");
        note(true, b"<methodName>enterSnapshot</methodName>");
        assert_eq!(proxy.frozen(), None);
        note(false, b"HTTP/1.1 200 OK");
        let entered = lock(&proxy.passed).entered;
        note(false, b"HTTP/1.1 200 OK, of another call");
        note(true, b"<methodName>leaveSnapshot</methodName>");
        assert_eq!(lock(&proxy.passed).entered, entered);
        assert!(proxy.frozen().is_some());
        proxy.forget();
        assert_eq!(proxy.frozen(), None);
    }
}
