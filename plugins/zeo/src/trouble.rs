//! Why there is no answer of a ZEO server, and what that means.
//!
//! The same trouble means different things before and after the connection was made. Before, the
//! server cannot have received anything; after, it may have carried out a call.

use std::io;

use dsnap_core::{Reason, text};
use dsnap_engine::server::call_error::CallError;
use dsnap_engine::server::deadline::{Deadline, DeadlineError};
use dsnap_engine::{durations, limits};

/// Why nothing came, or nothing that can be read.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Waiting had to end.
    Deadline(DeadlineError),
    /// No connection was made within the limit for that.
    NoConnection,
    /// The server closed the connection.
    Closed,
    /// The system reports an error.
    Io(io::Error),
    /// What came cannot be read: a clause that says why.
    Unreadable(&'static str),
}

impl From<DeadlineError> for Trouble {
    fn from(error: DeadlineError) -> Self {
        Self::Deadline(error)
    }
}

impl From<rustix::io::Errno> for Trouble {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Io(error.into())
    }
}

/// What it takes to explain a trouble.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoint<'a> {
    /// The address, for messages.
    pub(crate) address: &'a str,
    pub(crate) deadline: &'a Deadline<'a>,
}

impl Endpoint<'_> {
    /// Explains a trouble before the connection was made: nothing was sent.
    pub(crate) fn before_connecting(self, trouble: &Trouble) -> CallError {
        let address = self.address;
        let text = match trouble {
            Trouble::Deadline(DeadlineError::Stopped | DeadlineError::StoppedWithoutAnswer) => {
                let text = format!("stopped before anything was sent to {address}");
                return CallError::Unreachable(Reason::new(text));
            }
            Trouble::Deadline(DeadlineError::TimedOut) => {
                let limit = durations::limit_in_words(self.deadline.limit());
                format!("no connection to {address} within {limit}")
            }
            Trouble::NoConnection => {
                let limit = durations::limit_in_words(limits::CONNECT_TIMEOUT);
                format!("no connection to {address} within {limit}")
            }
            Trouble::Io(error) => {
                format!("{address} cannot be reached: {}", text::harmless(text::error(error)))
            }
            // Without a connection there is nothing to read.
            Trouble::Closed | Trouble::Unreadable(_) => format!("{address} cannot be reached"),
        };
        let hint = "check that the ZEO server is running and listens at this address";
        CallError::Unreachable(Reason::new(text).hint(hint))
    }

    /// Explains a trouble while an answer was waited for. `asked` is the call, or what else the
    /// server had to say.
    pub(crate) fn without_answer(self, asked: &str, trouble: &Trouble) -> CallError {
        let address = self.address;
        match trouble {
            Trouble::Deadline(DeadlineError::TimedOut) | Trouble::NoConnection => {
                let limit = durations::limit_in_words(self.deadline.limit());
                let text = format!("no answer from {address} within {limit} ({asked})");
                CallError::NoAnswer(Reason::new(text).hint(slow_hint(asked)))
            }
            Trouble::Deadline(DeadlineError::Stopped | DeadlineError::StoppedWithoutAnswer) => {
                CallError::NoAnswer(Reason::new(format!("stopped before {address} answered")))
            }
            Trouble::Closed => CallError::NoAnswer(
                Reason::new(format!("{address} closed the connection before its answer ({asked})"))
                    .hint(LOG_HINT),
            ),
            Trouble::Io(error) => {
                let error = text::harmless(text::error(error));
                let text = format!("the connection to {address} broke ({asked}): {error}");
                CallError::NoAnswer(Reason::new(text).hint(LOG_HINT))
            }
            Trouble::Unreadable(why) => {
                let text = format!("the answer from {address} cannot be read ({asked}): {why}");
                CallError::Unreadable(Reason::new(text).hint(PORT_HINT))
            }
        }
    }
}

const LOG_HINT: &str = "look in the log of the ZEO server";
/// The hint for a server that does not talk like a ZEO server.
pub(crate) const PORT_HINT: &str =
    "check the address: it must be the one in the section <zeo> of zeo.conf";

/// What is waited for first. A server that wants TLS says nothing before the client does.
pub(crate) const ANNOUNCEMENT: &str = "announcement";

fn slow_hint(asked: &str) -> &'static str {
    if asked == ANNOUNCEMENT {
        "check the address: every ZEO server speaks first, except one that waits for TLS, which is ZEO 5 or later and has no snapshots"
    } else {
        "if the server needs longer, end the line with timeout=DURATION"
    }
}
