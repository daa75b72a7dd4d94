//! One connection: first the version, then the calls, one after the other.

use std::io;
use std::sync::Arc;

use super::clients::Client;
use super::handler::{Handler, Next, announce};
use super::life::Life;
use super::outbox::Outbox;
use super::pickle::Call;
use super::service::Service;
use super::session::Session;
use super::statistics;
use super::stream::{Incoming, Stream};
use super::writer::Delivery;

/// The question that monitoring programs send instead of a version.
const ARE_YOU_OK: &str = "ruok";
/// The version whose messages are not pickles.
const MSGPACK: &str = "M5";

/// Serves a client until one of the two closes.
pub(super) fn serve(service: &Service, stream: Stream) {
    let (stream, life) = (Arc::new(stream), Arc::new(Life::default()));
    let numbers_messages = service.config.version.numbers_messages();
    let (outbox, writer) = Outbox::start(&stream, &life, numbers_messages);
    let client = Arc::new(Client::new(stream, life, outbox));
    let Some(number) = service.clients.add(&client) else {
        client.close();
        return client.outbox.end();
    };
    match converse(service, &client) {
        // The client has closed, or sent something that makes a real server close at once.
        Err(_) => {
            client.close();
            client.outbox.end();
        }
        Ok(Next::Reset) => client.outbox.reset(),
        Ok(_) => client.outbox.end(),
    }
    // A panic there ends the connection, too.
    let _ = writer.join();
    service.clients.remove(number);
}

/// Serves a client until this server ends the connection. An error means that the client ended it, or
/// that a message broke the protocol.
fn converse(service: &Service, client: &Client) -> io::Result<Next> {
    let mut incoming = Incoming::of(&client.stream);
    match announce(service, client) {
        Next::Continue => {}
        next => return Ok(next),
    }
    let version = service.config.version;
    let peer = String::from_utf8_lossy(&incoming.receive()?).into_owned();
    if peer == ARE_YOU_OK && version.has_statistics() {
        client.outbox.send(statistics::of(service), Delivery::Whole);
        return Ok(Next::Close);
    }
    if !version.accepts(&peer) {
        return Ok(Next::Close);
    }
    if peer == MSGPACK {
        // Such messages are not simulated: the first one ends the connection.
        incoming.receive()?;
        return Ok(Next::Close);
    }
    let newest = version.newest_pickles();
    let mut session = Session::new(service, client, peer);
    loop {
        let message = incoming.receive()?;
        let turn = service.turn();
        let Some(call) = Call::of(&message, newest) else { return Ok(Next::Close) };
        let next = Handler { service, client, session: &mut session }.handle(&call);
        drop(turn);
        if next != Next::Continue {
            return Ok(next);
        }
        if let Some(codes) = session.new_codes.take() {
            client.outbox.authenticate(codes.clone());
            incoming.authenticate(codes);
        }
    }
}
