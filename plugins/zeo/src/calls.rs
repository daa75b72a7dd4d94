//! Calls on one connection, and their answers.

use dsnap_core::Reason;
use dsnap_engine::server::call_error::CallError;
use dsnap_engine::server::deadline::Deadline;
use dsnap_engine::server::exception::Exception;

use crate::call::{self, Argument};
use crate::frames::Frames;
use crate::pickle::Value;
use crate::reply::{self, Message};
use crate::trace::Traced;
use crate::trouble::{Endpoint, Trouble};

/// What a call brought: a value, or an exception.
pub(crate) type Answer<T> = Result<T, Exception>;

/// The calls on one connection.
#[derive(Debug)]
pub(crate) struct Calls {
    frames: Frames,
    /// The address, for messages.
    address: String,
    /// The number of the last call.
    number: i32,
}

impl Calls {
    /// Begins on a new connection. `address` is for messages.
    pub(crate) fn new(frames: Frames, address: &str) -> Self {
        Self { frames, address: address.to_owned(), number: 0 }
    }

    /// Returns the address, for messages.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Returns the messages of the connection.
    pub(crate) fn frames(&mut self) -> &mut Frames {
        &mut self.frames
    }

    /// Makes a call, and waits for its answer. `read` takes what the caller needs of the result.
    ///
    /// # Errors
    ///
    /// There is no answer, or `read` does not accept it. The connection cannot be used any longer.
    pub(crate) fn call<T>(
        &mut self,
        name: &str,
        arguments: &[Argument<'_>],
        deadline: &Deadline<'_>,
        read: impl FnOnce(&Value<'_>) -> Option<T>,
    ) -> Result<Answer<T>, CallError> {
        let traced = Traced::sent(name, arguments, deadline);
        self.number += 1;
        let sent = call::write(self.number, name, arguments);
        let exchanged = self.exchange(&sent, deadline, |result| {
            traced.answered(result);
            match reply::exception(result) {
                Some(exception) => Some(Err(exception)),
                None => read(result).map(Ok),
            }
        });
        exchanged.map_err(|trouble| {
            let error = self.without_answer(name, &trouble, deadline);
            traced.without_answer(&error);
            error
        })
    }

    fn exchange<T>(
        &mut self,
        sent: &[u8],
        deadline: &Deadline<'_>,
        read: impl FnOnce(&Value<'_>) -> Option<T>,
    ) -> Result<T, Trouble> {
        self.frames.send(sent, deadline)?;
        loop {
            self.frames.receive(deadline)?;
            let (pickle, complete) = self.frames.last();
            let message = reply::read(pickle, complete)
                .map_err(|_| Trouble::Unreadable("a message is no reply of a ZEO server"))?;
            match message {
                Message::Reply(number, result) if number == i64::from(self.number) => {
                    let unusable = "this call cannot have such a result";
                    return read(&result).ok_or(Trouble::Unreadable(unusable));
                }
                Message::Reply(..) | Message::Notice => {}
            }
        }
    }

    /// Explains a trouble on this connection.
    pub(crate) fn without_answer(
        &self,
        asked: &str,
        trouble: &Trouble,
        deadline: &Deadline<'_>,
    ) -> CallError {
        Endpoint { address: &self.address, deadline }.without_answer(asked, trouble)
    }

    /// Says that a call without effect raised an exception that no server raises there.
    pub(crate) fn failed(&self, name: &str, exception: &Exception) -> CallError {
        CallError::Unreadable(call_failed(&self.address, name, exception))
    }
}

/// Says that a call failed with an exception.
pub(crate) fn call_failed(address: &str, name: &str, exception: &Exception) -> Reason {
    let summary = exception.summary(str::to_owned);
    Reason::new(format!("{name} failed at {address}: {summary}"))
        .hint("look in the log of the ZEO server for more")
}
