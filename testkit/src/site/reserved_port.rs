//! A port that stays the same while its server is stopped, crashed and started again.
//!
//! A socket that never listens keeps the port: other programs cannot get it, and clients are
//! refused while nobody listens. A listener with `SO_REUSEADDR` can share it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A port of the loopback interface. Dropping it releases the port.
#[derive(Debug)]
pub(super) struct ReservedPort {
    pub(super) address: SocketAddr,
    _socket: Socket,
}

impl ReservedPort {
    /// Reserves a free port.
    pub(super) fn reserve() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let address = socket.local_addr()?.as_socket();
        Ok(Self { address: address.ok_or(io::ErrorKind::AddrNotAvailable)?, _socket: socket })
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_reserved_port_refuses_clients_whenever_no_server_listens() {
        let port = ReservedPort::reserve().unwrap();
        for _ in 0..2 {
            let refused = TcpStream::connect(port.address).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
            let listener = TcpListener::bind(port.address).unwrap();
            TcpStream::connect(port.address).unwrap();
            drop(listener);
        }
    }
}
