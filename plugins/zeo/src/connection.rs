//! Connecting to an address: at most [`limits::CONNECT_TIMEOUT`], and no longer than the call may
//! take.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use dsnap_engine::limits;
use dsnap_engine::server::addresses;
use dsnap_engine::server::deadline::Deadline;
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::addr::SocketAddrArg;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with, sockopt,
};

use crate::address::Address;
use crate::channel::{Channel, wait};
use crate::trouble::Trouble;

/// Connects to an address.
///
/// # Errors
///
/// No connection could be made in time, or the caller wants to stop.
pub(crate) fn open(address: &Address, deadline: &Deadline<'_>) -> Result<Channel, Trouble> {
    let end = Instant::now() + limits::CONNECT_TIMEOUT;
    let socket = match address {
        Address::Unix(path) => connect_to_path(path, end, deadline)?,
        Address::Tcp(host, port) => {
            connect_to_any(&find(host, *port, end, deadline)?, end, deadline)?
        }
    };
    Ok(Channel::new(socket))
}

fn connect_to_path(path: &Path, end: Instant, deadline: &Deadline<'_>) -> Result<OwnedFd, Trouble> {
    let address = SocketAddrUnix::new(path)?;
    connect_until(AddressFamily::UNIX, &address, end, deadline)
}

/// Finds the addresses of a host.
fn find(
    host: &str,
    port: u16,
    end: Instant,
    deadline: &Deadline<'_>,
) -> Result<Vec<SocketAddr>, Trouble> {
    if let Ok(number) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(number, port)]);
    }
    let (found, wait_until_found) = mpsc::channel();
    addresses::look_up(host, port, move |addresses| {
        // Nobody waits any longer if the time is up.
        let _ = found.send(addresses);
    });
    loop {
        check(end, deadline)?;
        match wait_until_found.recv_timeout(deadline.poll_interval()) {
            Ok(addresses) => return addresses.map_err(Trouble::Io),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let error = io::Error::other("the lookup ended without a result");
                return Err(Trouble::Io(error));
            }
        }
    }
}

/// Connects to the first address that answers.
///
/// The addresses share the time for connecting. With several, each gets a second at first, so that
/// dead ones cost little; if none answers so soon, each gets its part of the rest.
fn connect_to_any(
    addresses: &[SocketAddr],
    end: Instant,
    deadline: &Deadline<'_>,
) -> Result<OwnedFd, Trouble> {
    let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    let quick = limits::ADDRESS_TIMEOUT.saturating_mul(count);
    if count > 1 && quick < limits::CONNECT_TIMEOUT {
        match connect_in_turn(addresses, limits::ADDRESS_TIMEOUT, end, deadline) {
            Err(Trouble::NoConnection) => {}
            result => return result,
        }
    }
    let rest = end.saturating_duration_since(Instant::now()) / count.max(1);
    connect_in_turn(addresses, rest, end, deadline)
}

/// Tries one address after the other, each for so long. If one of them did not answer at all, the
/// failure is that.
fn connect_in_turn(
    addresses: &[SocketAddr],
    each: Duration,
    end: Instant,
    deadline: &Deadline<'_>,
) -> Result<OwnedFd, Trouble> {
    let mut failure = None;
    for address in addresses {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let end = end.min(Instant::now() + each);
        match connect_until(family, address, end, deadline) {
            Ok(socket) => return Ok(socket),
            Err(stop @ Trouble::Deadline(_)) => return Err(stop),
            Err(trouble) if matches!(failure, Some(Trouble::NoConnection)) => drop(trouble),
            Err(trouble) => failure = Some(trouble),
        }
    }
    Err(failure.unwrap_or_else(|| Trouble::Io(io::Error::other("the host has no address"))))
}

fn connect_until(
    family: AddressFamily,
    address: &impl SocketAddrArg,
    end: Instant,
    deadline: &Deadline<'_>,
) -> Result<OwnedFd, Trouble> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    loop {
        check(end, deadline)?;
        match connect(&socket, address) {
            Ok(()) | Err(Errno::ISCONN) => return Ok(socket),
            Err(Errno::INPROGRESS | Errno::ALREADY | Errno::INTR) => {
                wait(&socket, PollFlags::OUT, deadline)?;
                sockopt::socket_error(&socket)??;
            }
            // The queue of the server's Unix socket is full, and nothing reports when there is room again.
            Err(Errno::AGAIN) => std::thread::sleep(deadline.poll_interval()),
            Err(error) => return Err(error.into()),
        }
    }
}

fn check(end: Instant, deadline: &Deadline<'_>) -> Result<(), Trouble> {
    deadline.check()?;
    if Instant::now() < end { Ok(()) } else { Err(Trouble::NoConnection) }
}

#[cfg(test)]
mod tests;
