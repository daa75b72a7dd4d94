//! The addresses of a host, as the HTTP client asks for them.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dsnap_engine::server::addresses;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::mpsc;

/// The addresses of the host of one line, kept for all requests of one call.
///
/// A client tries one address after the other, and each gets its share of the time for connecting.
/// So the address that answered comes first in the next request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Addresses(Arc<Mutex<Vec<SocketAddr>>>);

impl Addresses {
    /// Notes the address that answered: the next request tries it first.
    pub(crate) fn note_answer_from(&self, answering: SocketAddr) {
        self.known().sort_by_key(|address| address.ip() != answering.ip());
    }

    /// Counts the addresses of the host in a URL, once they are found.
    ///
    /// # Errors
    ///
    /// The host has no address that can be found.
    pub(crate) async fn count(&self, url: &Url) -> io::Result<u32> {
        let Some(name) = url.domain() else { return Ok(1) };
        Ok(self.find(name).await?.len().try_into().unwrap_or(u32::MAX))
    }

    async fn find(&self, host: &str) -> io::Result<Vec<SocketAddr>> {
        let known = self.known().clone();
        if !known.is_empty() {
            return Ok(known);
        }
        let found = look_up(host).await?;
        self.known().clone_from(&found);
        Ok(found)
    }

    fn known(&self) -> MutexGuard<'_, Vec<SocketAddr>> {
        // Nothing in here can be half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resolve for Addresses {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses = self.clone();
        Box::pin(async move {
            let found = addresses.find(name.as_str()).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

async fn look_up(host: &str) -> io::Result<Vec<SocketAddr>> {
    let (found, mut wait_until_found) = mpsc::unbounded_channel();
    // The port is added by the client.
    addresses::look_up(host, 0, move |addresses| {
        // Nobody waits any longer if the time is up.
        let _ = found.send(addresses);
    });
    let ended = || Err(io::Error::other("the lookup ended without a result"));
    wait_until_found.recv().await.unwrap_or_else(ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_that_answered_comes_first_and_the_others_keep_their_order() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let addresses = Addresses::default();
        let known = ["192.0.2.1:0", "192.0.2.2:0", "192.0.2.3:0"].map(address);
        addresses.known().extend(known);
        addresses.note_answer_from(address("192.0.2.3:8080"));
        assert_eq!(*addresses.known(), [known[2], known[0], known[1]]);
        addresses.note_answer_from(address("198.51.100.1:8080"));
        assert_eq!(*addresses.known(), [known[2], known[0], known[1]]);
    }
}
