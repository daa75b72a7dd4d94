//! Finding the addresses of a host, while a time limit and a stop still take effect.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread;

/// Asks the system for the addresses of a host, and passes them to `found`.
///
/// The lookup runs in a thread of its own, so that the caller can give up on it. COMMAND may have
/// used up all processes that the user may have. No thread can be started then, and the lookup runs
/// in the calling one, because leaving must work all the same.
pub fn look_up<F>(host: &str, port: u16, found: F)
where
    F: Fn(io::Result<Vec<SocketAddr>>) + Clone + Send + 'static,
{
    let (name, found_there) = (host.to_owned(), found.clone());
    let started = thread::Builder::new().spawn(move || found_there(addresses_of(&name, port)));
    if started.is_err() {
        found(addresses_of(host, port));
    }
}

fn addresses_of(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    (host, port).to_socket_addrs().map(Iterator::collect)
}
