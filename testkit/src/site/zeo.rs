//! A simulated ZEO server in front of a simulated server, for clients that need no Zope.
//!
//! The ZEO server is the process that has the storage open: stopping it closes the storage, too. It
//! answers as the real servers of each generation were recorded with DirectoryStorage, and real clients
//! can load objects from it. It refuses writes, because all commits come from the simulated server.
//!
//! ZEO 5 and later cannot serve a DirectoryStorage, and of its calls only `register` is simulated: every
//! other call ends the connection, as a snapshot call does on a real server. So does the first message in
//! msgpack. Such clients are not told of commits.
//!
//! Dependencies point down this list only:
//!
//! - `zope_client`: the Zopes of the site
//! - `connection`: a thread for each client; `handler`: its calls, perhaps with faults
//! - `session`, `storage_calls`, `statistics`: which calls there are, and what they return
//! - `service`: what the connections share; `clients`, `objects`
//! - `outbox`, `writer`, `stream`, `listener`, `life`: sockets and messages
//! - `errors`, `reply`, `digest`, `version`, `pickle`: the protocol's bytes

mod clients;
mod connection;
mod digest;
mod errors;
mod handler;
mod life;
mod listener;
mod objects;
mod outbox;
mod pickle;
mod reply;
mod service;
mod session;
mod statistics;
mod storage_calls;
mod stream;
mod version;
mod writer;
mod zope_client;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::backend::Backend;
use super::faults::ActiveFaults;
use super::other_storage::OtherStorage;
use super::server::Server;
use listener::{Address, Listener};
use service::Service;

pub use version::{ZeoAccount, ZeoConfig, ZeoVersion};

/// The name of the storage: that of a section without a name in a real server's configuration.
pub(super) const STORAGE: &str = "1";

/// A ZEO server, which may be stopped and started again at the same address.
#[derive(Debug)]
pub(super) struct Zeo {
    address: Address,
    service: Arc<Service>,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    listener: Arc<Listener>,
    threads: [JoinHandle<()>; 2],
}

impl Zeo {
    /// Reserves an address, and listens there. The storage's server must run.
    pub(super) fn new(
        config: ZeoConfig,
        backend: &Arc<Backend>,
        other: &Arc<OtherStorage>,
    ) -> io::Result<Self> {
        let address = if config.unix { Address::unix() } else { Address::tcp() }?;
        let service = Service::new(config, Arc::clone(backend), Arc::clone(other));
        let zeo = Self { address, service: Arc::new(service), running: Mutex::default() };
        zeo.start()?;
        Ok(zeo)
    }

    /// Returns HOST:PORT, or the path of the socket.
    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Returns the account whose password the server asks for, if it asks for one.
    pub(super) fn account(&self) -> Option<&ZeoAccount> {
        self.service.config.authentication.as_ref()
    }

    pub(super) fn backend(&self) -> &Arc<Backend> {
        &self.service.backend
    }

    pub(super) fn faults(&self) -> &ActiveFaults {
        &self.service.faults
    }

    /// Starts the storage's server and listens, unless it does already.
    pub(super) fn start(&self) -> io::Result<()> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        self.service.backend.start()?;
        if running.is_none() {
            let server = self
                .service
                .backend
                .server()
                .map_err(|_| io::Error::other("the server has ended"))?;
            *running = Some(self.listen(server)?);
        }
        Ok(())
    }

    fn listen(&self, server: Arc<Server>) -> io::Result<Running> {
        let listener = Arc::new(self.address.listen()?);
        self.service.begin(&server);
        self.service.clients.open();
        let (acceptor, accepting) = (Arc::clone(&self.service), Arc::clone(&listener));
        let teller = Arc::clone(&self.service);
        let threads = [
            thread::spawn(move || accept(&acceptor, &accepting)),
            thread::spawn(move || teller.keep_telling(&server)),
        ];
        Ok(Running { listener, threads })
    }

    /// Ends all connections, and stops the storage's server cleanly.
    pub(super) fn stop(&self) -> io::Result<()> {
        self.end(|server| server.stop())?;
        self.address.clean_up()
    }

    /// Ends everything at once. The socket's path remains.
    pub(super) fn crash(&self) {
        // A crash cannot fail.
        let _ = self.end(|server| {
            server.crash();
            Ok(())
        });
    }

    fn end(&self, end: impl FnOnce(&Server) -> io::Result<()>) -> io::Result<()> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let running = running.take();
        if let Some(running) = &running {
            running.listener.close();
            self.service.clients.close();
        }
        // A thread that waits for a snapshot ends with the server.
        let ended = self.service.backend.take_server().map_or(Ok(()), |server| end(&server));
        if let Some(running) = running {
            self.service.clients.wait_until_gone();
            // A panic there has ended the thread, too.
            running.threads.into_iter().for_each(|thread| drop(thread.join()));
        }
        ended
    }
}

/// Serves each client on a thread of its own, until the listener closes.
fn accept(service: &Arc<Service>, listener: &Listener) {
    while let Ok(stream) = listener.accept() {
        let service = Arc::clone(service);
        thread::spawn(move || connection::serve(&service, stream));
    }
}
