//! Sends the messages of one connection, each as a whole or spoiled as a fault demands.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use super::digest::{CODE_LENGTH, Codes};
use super::life::Life;
use super::reply;
use super::stream::{HAS_CODE, Stream};

/// How long a trickled message pauses before each byte.
const TRICKLE_PAUSE: Duration = Duration::from_millis(100);
/// The length of a message that never ends: the longest that can be announced.
const ENDLESS_LENGTH: u32 = HAS_CODE - 1;

/// How a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    Whole,
    Late(Duration),
    /// Half of it, and then the connection closes.
    Half,
    /// Byte by byte.
    Trickled,
    /// As the beginning of a message that never ends.
    Endless,
    WithWrongCode,
    WithoutCode,
    /// Never: endless one-way messages are sent instead.
    BehindOthers,
}

/// One thing to do.
#[derive(Debug)]
pub(super) enum Item {
    Message(Vec<u8>, Delivery),
    Authenticate(Codes),
    Reset,
    End,
}

/// The sending side of a connection.
#[derive(Debug)]
pub(super) struct Writer {
    stream: Arc<Stream>,
    life: Arc<Life>,
    codes: Option<Codes>,
}

impl Writer {
    pub(super) fn new(stream: Arc<Stream>, life: Arc<Life>) -> Self {
        Self { stream, life, codes: None }
    }

    /// Does everything in the queue, until it ends or the client has closed.
    pub(super) fn run(mut self, items: &Receiver<Item>) {
        for item in items {
            let done = match item {
                Item::Message(message, delivery) => self.deliver(&message, delivery),
                Item::Authenticate(codes) => {
                    self.codes = Some(codes);
                    Ok(())
                }
                // The connection ends with the last thread that uses it, and then as a reset.
                Item::Reset => return self.stream.reset_at_end(),
                Item::End => break,
            };
            if done.is_err() {
                break;
            }
        }
        self.stream.close();
    }

    /// Sends a message. An error ends the connection.
    fn deliver(&mut self, message: &[u8], delivery: Delivery) -> io::Result<()> {
        match delivery {
            Delivery::Whole => self.send(message),
            Delivery::Late(time) => self.pause(time).and_then(|()| self.send(message)),
            Delivery::Half => {
                let frame = self.frame(message);
                self.write(&frame[..frame.len() / 2])?;
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Delivery::Trickled => self.trickle(message),
            Delivery::Endless => self.send_without_end(message),
            Delivery::WithWrongCode => {
                self.next_code(message);
                self.write(&framed(message, Some([0xff; CODE_LENGTH])))
            }
            Delivery::WithoutCode => {
                self.next_code(message);
                self.write(&framed(message, None))
            }
            Delivery::BehindOthers => loop {
                self.send(&reply::one_way(0, "info", &reply::tuple(&[reply::dictionary(&[])])))?;
            },
        }
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let frame = self.frame(message);
        self.write(&frame)
    }

    fn frame(&mut self, message: &[u8]) -> Vec<u8> {
        let code = self.next_code(message);
        framed(message, code)
    }

    fn next_code(&mut self, message: &[u8]) -> Option<[u8; CODE_LENGTH]> {
        self.codes.as_mut().map(|codes| codes.next(message))
    }

    fn trickle(&mut self, message: &[u8]) -> io::Result<()> {
        for byte in self.frame(message) {
            self.pause(TRICKLE_PAUSE)?;
            self.write(&[byte])?;
        }
        Ok(())
    }

    /// Announces more than this server ever sends, and sends all of it but the last byte.
    fn send_without_end(&mut self, message: &[u8]) -> io::Result<()> {
        let code = self.next_code(message);
        let mut frame = framed(message, code);
        let flag = if code.is_some() { HAS_CODE } else { 0 };
        frame[..4].copy_from_slice(&(ENDLESS_LENGTH | flag).to_be_bytes());
        self.write(&frame)?;
        let piece = b"snapshot ".repeat(1000);
        let mut left = ENDLESS_LENGTH as usize - message.len() - 1;
        while left > 0 {
            let part = &piece[..left.min(piece.len())];
            self.write(part)?;
            left -= part.len();
        }
        Ok(())
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        (&mut &*self.stream).write_all(bytes)
    }

    fn pause(&self, time: Duration) -> io::Result<()> {
        if self.life.pause(time) { Ok(()) } else { Err(io::ErrorKind::ConnectionAborted.into()) }
    }
}

/// Puts the length and the code, if there is one, before a message.
fn framed(message: &[u8], code: Option<[u8; CODE_LENGTH]>) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(ENDLESS_LENGTH);
    match code {
        None => [&length.to_be_bytes()[..], message].concat(),
        Some(code) => [&(length | HAS_CODE).to_be_bytes()[..], &code, message].concat(),
    }
}
