//! Hosts with several addresses.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;

use dsnap_core::Code;
use dsnap_core::method::{Caller, Message, Request};
use dsnap_engine::server::deadline::TimeLimits;
use rustix::net::{bind, getsockname, listen};

use super::*;

struct NeverStops;

impl Caller for NeverStops {
    fn say(&self, _message: Message<'_>) {}
    fn should_stop(&self) -> bool {
        false
    }
}

const SHORT: Duration = Duration::from_millis(100);

/// An address where nothing listens.
fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// An address that never answers: the queue of its socket is full.
fn silent() -> (SocketAddr, Vec<OwnedFd>) {
    let socket =
        || socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::NONBLOCK, None);
    let listener = socket().unwrap();
    bind(&listener, &"127.0.0.1:0".parse::<SocketAddr>().unwrap()).unwrap();
    listen(&listener, 0).unwrap();
    let address = SocketAddr::try_from(getsockname(&listener).unwrap()).unwrap();
    let mut kept = vec![listener];
    for _ in 0..4 {
        kept.push(socket().unwrap());
        let _ = connect(kept.last().unwrap(), &address);
    }
    (address, kept)
}

/// Connects to one of the addresses, each of which gets a short time.
fn connect_in_turn(addresses: &[SocketAddr]) -> Result<SocketAddr, Trouble> {
    let (storage, code) = (PathBuf::new(), Code::from_bytes(b"x").unwrap());
    let request = Request {
        storage: &storage,
        conf_folder: &storage,
        words: &[],
        code: &code,
        time_left: None,
        leave_time: Duration::ZERO,
        snapshot_seen: false,
        caller: &NeverStops,
    };
    let limits = TimeLimits::of(&request, Duration::from_secs(60));
    let end = Instant::now() + Duration::from_secs(60);
    let socket = super::connect_in_turn(addresses, SHORT, end, limits.whole())?;
    Ok(TcpStream::from(socket).peer_addr().unwrap())
}

#[test]
fn the_first_address_that_answers_is_used_whatever_is_before_it() {
    let (silent, _kept) = silent();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let open = listener.local_addr().unwrap();
    for before in [vec![], vec![closed()], vec![silent], vec![closed(), silent, closed()]] {
        let addresses = [before, vec![open]].concat();
        assert_eq!(connect_in_turn(&addresses).unwrap(), open, "{addresses:?}");
    }
}

#[test]
fn an_address_that_never_answers_decides_what_the_failure_is() {
    let (silent, _kept) = silent();
    for addresses in [vec![silent], vec![silent, closed()], vec![closed(), silent]] {
        let failure = connect_in_turn(&addresses);
        assert!(matches!(failure, Err(Trouble::NoConnection)), "{failure:?}");
    }
    let failure = connect_in_turn(&[closed(), closed()]);
    assert!(matches!(failure, Err(Trouble::Io(_))), "{failure:?}");
    assert!(matches!(connect_in_turn(&[]), Err(Trouble::Io(_))));
}
