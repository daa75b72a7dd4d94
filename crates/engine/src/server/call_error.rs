//! Why a call brought no answer that can be used.
//!
//! Two things matter: whether the call may have had its effect, and what helps. A question never has
//! an effect, so after it only the second one counts.
//!
//! | | had no effect | may have had its effect |
//! |---|---|---|
//! | **a later call may bring an answer** | `Unreachable` | `NoAnswer` |
//! | **a person must act first** | `Refused` | `FaultyServer` |
//! | **only the snapshot code says what happened** | | `ServerError` |
//! | **something else answers, or in a way that cannot be read** | | `Unreadable` |

use dsnap_core::Reason;
use dsnap_core::method::{Entered, Left, Status};

/// Why a call brought no answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// The server could not be reached, so nothing was sent.
    Unreachable(Reason),
    /// The call was refused before it had any effect: credentials, address or certificate are wrong.
    Refused(Reason),
    /// The call was sent, and the answer did not arrive: the connection broke, the time
    /// ran out, a proxy answered instead.
    NoAnswer(Reason),
    /// The call was sent, and ended in an exception that the server does not name, as in Zope 4 and
    /// later: a bare 500.
    ServerError(Reason),
    /// The call was sent, and what came back is no answer to it, or cannot be read.
    Unreadable(Reason),
    /// The call was sent, and the server will give the same unusable answer until a person acts:
    /// the toolkit itself fails, or the server sends its callers to a login form.
    FaultyServer(Reason),
}

impl CallError {
    /// Returns the reason.
    pub fn reason(&self) -> &Reason {
        match self {
            Self::Unreachable(reason)
            | Self::Refused(reason)
            | Self::NoAnswer(reason)
            | Self::ServerError(reason)
            | Self::Unreadable(reason)
            | Self::FaultyServer(reason) => reason,
        }
    }

    /// Gives up what the error means for its call, and keeps the reason.
    pub fn into_reason(self) -> Reason {
        self.reason().clone()
    }

    /// Says what the error means if it was the question before an enter that was asked: nothing was
    /// entered.
    pub fn before_enter(self) -> Entered {
        match self {
            // With a 500, Zope 4 and later also say that they have lost their ZEO server.
            Self::Unreachable(reason) | Self::NoAnswer(reason) | Self::ServerError(reason) => {
                Entered::Unavailable(reason)
            }
            Self::Refused(reason) | Self::FaultyServer(reason) => Entered::Refused(reason),
            Self::Unreadable(reason) => Entered::Failed(reason),
        }
    }
}

/// Says what the error means if it was the enter itself.
impl From<CallError> for Entered {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Unreachable(reason) => Self::Unavailable(reason),
            CallError::Refused(reason) => Self::Refused(reason),
            CallError::NoAnswer(reason)
            | CallError::ServerError(reason)
            | CallError::Unreadable(reason)
            | CallError::FaultyServer(reason) => {
                let text =
                    format!("{}; the snapshot may or may not have been entered", reason.text());
                Self::Unknown(reason.with_text(text))
            }
        }
    }
}

/// Says what the error means if the call had no effect, as a mere question never has.
impl From<CallError> for Left {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Unreachable(reason) | CallError::NoAnswer(reason) => {
                Self::Unavailable(reason)
            }
            CallError::Refused(reason) | CallError::FaultyServer(reason) => Self::Refused(reason),
            CallError::ServerError(reason) | CallError::Unreadable(reason) => Self::Failed(reason),
        }
    }
}

/// Says what the error means if the call had no effect, as a mere question never has.
impl From<CallError> for Status {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(reason) | CallError::FaultyServer(reason) => Self::Refused(reason),
            // `status` has no "failed".
            CallError::Unreachable(reason)
            | CallError::NoAnswer(reason)
            | CallError::ServerError(reason)
            | CallError::Unreadable(reason) => Self::Unavailable(reason),
        }
    }
}
