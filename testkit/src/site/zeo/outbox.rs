//! What a connection still has to send: a queue, which a thread of its own empties.
//!
//! Like a real server, it queues everything for a client that does not read.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use super::digest::Codes;
use super::life::Life;
use super::reply::one_way;
use super::stream::Stream;
use super::writer::{Delivery, Item, Writer};

/// The queue of one connection.
#[derive(Debug)]
pub(super) struct Outbox {
    queue: Sender<Item>,
    /// The number of the next one-way message; `None` if all have the number 0.
    next_number: Option<AtomicI64>,
}

impl Outbox {
    /// Starts the thread that sends what is queued, until the queue ends.
    pub(super) fn start(
        stream: &Arc<Stream>,
        life: &Arc<Life>,
        numbers_messages: bool,
    ) -> (Self, JoinHandle<()>) {
        let (queue, items) = channel();
        let writer = Writer::new(Arc::clone(stream), Arc::clone(life));
        let thread = thread::spawn(move || writer.run(&items));
        let next_number = numbers_messages.then(AtomicI64::default);
        (Self { queue, next_number }, thread)
    }

    pub(super) fn send(&self, message: Vec<u8>, delivery: Delivery) {
        self.push(Item::Message(message, delivery));
    }

    /// Sends a message that wants no answer.
    pub(super) fn tell(&self, name: &str, arguments: &[u8]) {
        let next = self.next_number.as_ref();
        let number = next.map_or(0, |next| next.fetch_add(1, Ordering::SeqCst));
        self.send(one_way(number, name, arguments), Delivery::Whole);
    }

    /// Adds a code to every message from now on.
    pub(super) fn authenticate(&self, codes: Codes) {
        self.push(Item::Authenticate(codes));
    }

    /// Closes the connection when the queue has been sent.
    pub(super) fn end(&self) {
        self.push(Item::End);
    }

    /// Resets the connection when the queue has been sent.
    pub(super) fn reset(&self) {
        self.push(Item::Reset);
    }

    fn push(&self, item: Item) {
        // Without a client, the thread has ended.
        let _ = self.queue.send(item);
    }
}
