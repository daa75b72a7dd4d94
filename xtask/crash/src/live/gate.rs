//! A gate before a server: it holds requests back until it is opened, so that a run can be caught while it waits
//! for an answer.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::waiting::LIMIT;

/// What a gate holds back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Nothing.
    Nothing,
    /// Everything that is sent on a new connection.
    Connections,
    /// Requests that contain one of these words.
    Requests(&'static [&'static str]),
}

#[derive(Debug)]
struct State {
    hold: Hold,
    /// How many requests are held back now.
    held: usize,
    ended: bool,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

/// A listener that passes connections on. Dropping it closes the port.
#[derive(Debug)]
pub(crate) struct Gate {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Gate {
    /// Puts a gate before this server.
    pub(crate) fn before(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let state = Mutex::new(State { hold: Hold::Nothing, held: 0, ended: false });
        let shared = Arc::new(Shared { server, state, changed: Condvar::new() });
        let gate = Self { address: listener.local_addr()?, shared: Arc::clone(&shared) };
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.state().ended {
                    return;
                }
                let shared = Arc::clone(&shared);
                // The client or the server reports a broken connection.
                std::thread::spawn(move || shared.pass(client));
            }
        });
        Ok(gate)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Holds these back from now on.
    pub(crate) fn hold(&self, hold: Hold) {
        self.shared.state().hold = hold;
    }

    /// Says whether a request is held back now.
    pub(crate) fn holds_one(&self) -> bool {
        self.shared.state().held > 0
    }

    /// Passes everything on, also what was held back.
    pub(crate) fn open(&self) {
        self.hold(Hold::Nothing);
        self.shared.changed.notify_all();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
        self.shared.state().ended = true;
        // The listening thread looks at the flag only when a client connects.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while what `is_held` says is held back.
    fn wait_while(&self, is_held: impl Fn(Hold) -> bool) {
        let mut state = self.state();
        if !is_held(state.hold) {
            return;
        }
        state.held += 1;
        let waited = self.changed.wait_timeout_while(state, LIMIT, |state| is_held(state.hold));
        waited.unwrap_or_else(PoisonError::into_inner).0.held -= 1;
    }

    /// Passes a connection on, in both directions.
    fn pass(&self, mut client: TcpStream) -> io::Result<()> {
        self.wait_while(|hold| hold == Hold::Connections);
        let mut server = TcpStream::connect(self.server)?;
        let (mut answers, mut answered) = (server.try_clone()?, client.try_clone()?);
        std::thread::spawn(move || {
            let _ = io::copy(&mut answers, &mut answered);
            let _ = answered.shutdown(Shutdown::Write);
        });
        let mut piece = [0; 16 * 1024];
        loop {
            let length = client.read(&mut piece)?;
            if length == 0 {
                return server.shutdown(Shutdown::Write);
            }
            self.wait_while(|hold| hold.concerns(&piece[..length]));
            server.write_all(&piece[..length])?;
        }
    }
}

impl Hold {
    fn concerns(self, request: &[u8]) -> bool {
        let contains = |word: &str| request.windows(word.len()).any(|it| it == word.as_bytes());
        matches!(self, Self::Requests(words) if words.iter().any(|word| contains(word)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::until;

    #[test]
    fn a_held_request_arrives_when_the_gate_is_opened() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let gate = Gate::before(server.local_addr().unwrap()).unwrap();
        gate.hold(Hold::Requests(&["leave"]));
        let mut client = TcpStream::connect(gate.address()).unwrap();
        client.write_all(b"enter;").unwrap();
        let (mut arrived, _) = server.accept().unwrap();
        let mut read = [0; 6];
        arrived.read_exact(&mut read).unwrap();
        assert!(!gate.holds_one());
        client.write_all(b"leave;").unwrap();
        until("the request", || gate.holds_one()).unwrap();
        arrived.set_nonblocking(true).unwrap();
        assert_eq!(arrived.read(&mut read).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        arrived.set_nonblocking(false).unwrap();
        gate.open();
        arrived.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"leave;");
    }
}
