//! The connections that a ZEO server has now.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use super::life::Life;
use super::outbox::Outbox;
use super::stream::Stream;

/// One connection.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) stream: Arc<Stream>,
    pub(super) life: Arc<Life>,
    pub(super) outbox: Outbox,
    /// The version that the client has answered, when it has registered.
    registered: OnceLock<String>,
}

impl Client {
    pub(super) fn new(stream: Arc<Stream>, life: Arc<Life>, outbox: Outbox) -> Self {
        Self { stream, life, outbox, registered: OnceLock::new() }
    }

    /// Sends the client everything that clients are told from now on.
    pub(super) fn register(&self, peer: &str) {
        self.registered.get_or_init(|| peer.to_owned());
    }

    /// Returns the version that the client has answered; nothing before it has registered.
    pub(super) fn peer(&self) -> &str {
        self.registered.get().map_or("", String::as_str)
    }

    /// Ends the connection at once. Its threads may be in the middle of a message.
    pub(super) fn close(&self) {
        self.life.end();
        self.stream.close();
    }
}

/// All connections.
#[derive(Debug, Default)]
pub(super) struct Clients {
    known: Mutex<Known>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Known {
    is_open: bool,
    next: u64,
    clients: HashMap<u64, Arc<Client>>,
}

impl Clients {
    /// Accepts connections from now on.
    pub(super) fn open(&self) {
        self.known().is_open = true;
    }

    /// Adds a connection, and returns its number; `None` if the server is closing.
    pub(super) fn add(&self, client: &Arc<Client>) -> Option<u64> {
        let mut known = self.known();
        known.next += 1;
        let number = known.next;
        if known.is_open {
            known.clients.insert(number, Arc::clone(client));
        }
        known.is_open.then_some(number)
    }

    pub(super) fn remove(&self, number: u64) {
        self.known().clients.remove(&number);
        self.changed.notify_all();
    }

    /// Calls `tell` for each client that has registered.
    pub(super) fn tell_all(&self, tell: impl Fn(&Client)) {
        let known = self.known();
        known
            .clients
            .values()
            .filter(|client| client.registered.get().is_some())
            .for_each(|it| tell(it));
    }

    /// Returns how many clients have registered.
    pub(super) fn registered(&self) -> usize {
        let known = self.known();
        known.clients.values().filter(|client| client.registered.get().is_some()).count()
    }

    /// Ends all connections, and accepts no new ones.
    pub(super) fn close(&self) {
        let mut known = self.known();
        known.is_open = false;
        known.clients.values().for_each(|client| client.close());
    }

    /// Waits until the threads of all connections have ended.
    pub(super) fn wait_until_gone(&self) {
        let waited = self.changed.wait_while(self.known(), |known| !known.clients.is_empty());
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
