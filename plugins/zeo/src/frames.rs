//! Messages on a connection: a length, perhaps an authentication code, and a body.
//!
//! A server may announce any length. The beginning of a body is kept, the rest is only read, so
//! nothing that a server sends makes our memory grow.

use dsnap_engine::limits::{MAX_ZEO_MESSAGE, MAX_ZEO_VERSION, ZEO_CHUNK};
use dsnap_engine::server::deadline::Deadline;

use crate::channel::Channel;
use crate::digest::{CODE_LENGTH, Codes};
use crate::trouble::Trouble;

/// The bit of a length that says that a code follows.
const HAS_CODE: u32 = 1 << 31;

/// The messages of one connection.
#[derive(Debug)]
pub(crate) struct Frames {
    channel: Channel,
    codes: Option<BothCodes>,
    /// The last message that was received.
    kept: Vec<u8>,
    complete: bool,
}

#[derive(Debug)]
struct BothCodes {
    sent: Codes,
    received: Codes,
}

impl Frames {
    /// Begins without authentication codes.
    pub(crate) fn new(channel: Channel) -> Self {
        Self { channel, codes: None, kept: Vec::new(), complete: true }
    }

    /// Puts a code into every message from now on, and wants one in each.
    pub(crate) fn authenticate(&mut self, sent: Codes, received: Codes) {
        self.codes = Some(BothCodes { sent, received });
    }

    /// Returns the last message, and whether it was kept as a whole.
    pub(crate) fn last(&self) -> (&[u8], bool) {
        (&self.kept, self.complete)
    }

    /// Sends a message.
    ///
    /// # Errors
    ///
    /// The connection broke, or waiting had to end.
    pub(crate) fn send(&mut self, body: &[u8], deadline: &Deadline<'_>) -> Result<(), Trouble> {
        // No word of a line is so long.
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let frame = match &mut self.codes {
            None => [&length.to_be_bytes(), body].concat(),
            Some(codes) => {
                codes.sent.add(body);
                let length = (length | HAS_CODE).to_be_bytes();
                [&length, &codes.sent.code()[..], body].concat()
            }
        };
        self.channel.send(&frame, deadline)
    }

    /// Receives the version that the server announces. Anything longer comes from another program.
    ///
    /// # Errors
    ///
    /// No version came, or waiting had to end.
    pub(crate) fn receive_version(&mut self, deadline: &Deadline<'_>) -> Result<(), Trouble> {
        self.receive_up_to(MAX_ZEO_VERSION, deadline)
    }

    /// Receives the next message, of any length.
    ///
    /// # Errors
    ///
    /// The connection broke, waiting had to end, or the message has not the right code.
    pub(crate) fn receive(&mut self, deadline: &Deadline<'_>) -> Result<(), Trouble> {
        self.receive_up_to(usize::MAX, deadline)
    }

    fn receive_up_to(&mut self, longest: usize, deadline: &Deadline<'_>) -> Result<(), Trouble> {
        let mut head = [0; 4];
        self.channel.receive(&mut head, deadline)?;
        let head = u32::from_be_bytes(head);
        let length = (head & !HAS_CODE) as usize;
        if length > longest {
            return Err(Trouble::Unreadable("it does not begin like a ZEO server"));
        }
        let code = self.receive_code(head & HAS_CODE != 0, deadline)?;
        self.receive_body(length, deadline)?;
        match (&self.codes, code) {
            (Some(codes), Some(code)) if !codes.received.accepts(&code) => {
                Err(Trouble::Unreadable(
                    "a message has a wrong authentication code, so another program may have sent it",
                ))
            }
            _ => Ok(()),
        }
    }

    fn receive_code(
        &self,
        is_there: bool,
        deadline: &Deadline<'_>,
    ) -> Result<Option<[u8; CODE_LENGTH]>, Trouble> {
        match (&self.codes, is_there) {
            (None, false) => Ok(None),
            (None, true) => Err(Trouble::Unreadable("a message has an unexpected code")),
            (Some(_), false) => Err(Trouble::Unreadable(
                "a message has no authentication code, so another program may have sent it",
            )),
            (Some(_), true) => {
                let mut code = [0; CODE_LENGTH];
                self.channel.receive(&mut code, deadline)?;
                Ok(Some(code))
            }
        }
    }

    /// Reads a body to its end, and keeps its beginning.
    fn receive_body(&mut self, length: usize, deadline: &Deadline<'_>) -> Result<(), Trouble> {
        self.kept.clear();
        self.complete = length <= MAX_ZEO_MESSAGE;
        let (mut left, mut chunk) = (length, [0; ZEO_CHUNK]);
        while left > 0 {
            let part = &mut chunk[..left.min(ZEO_CHUNK)];
            self.channel.receive(part, deadline)?;
            if let Some(codes) = &mut self.codes {
                codes.received.add(part);
            }
            let room = MAX_ZEO_MESSAGE - self.kept.len();
            self.kept.extend(&part[..part.len().min(room)]);
            left -= part.len();
        }
        Ok(())
    }
}
