//! Why a call brought no answer that can be used.
//!
//! Two things matter: whether the call may have had its effect, and whether a later call may bring
//! an answer. Each variant of [`CallError`] stands for one combination:
//!
//! | | a later call may bring an answer | a person must act first |
//! |---|---|---|
//! | **had no effect** | `Unreachable` | `Refused` |
//! | **may have had its effect** | `NoAnswer` | `FaultyServer` |

use dsnap_core::Reason;
use dsnap_core::method::{Entered, Left, Status};

/// Why a call brought no answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The server could not be reached, so nothing was sent.
    Unreachable(Reason),
    /// The call was refused before it had any effect: credentials, URL or certificate are wrong.
    Refused(Reason),
    /// The call was sent, and the toolkit's answer did not arrive: the connection broke, the time
    /// ran out, a proxy answered instead.
    NoAnswer(Reason),
    /// The call was sent, and the server will give the same unusable answer until a person acts:
    /// the toolkit itself fails, or the server sends its callers to a login form.
    FaultyServer(Reason),
}

impl CallError {
    /// Gives up what the error means for its call, and keeps the reason.
    pub(crate) fn into_reason(self) -> Reason {
        match self {
            Self::Unreachable(reason)
            | Self::Refused(reason)
            | Self::NoAnswer(reason)
            | Self::FaultyServer(reason) => reason,
        }
    }
}

/// Says what the error means if it was `enterSnapshot` that was called.
impl From<CallError> for Entered {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Unreachable(reason) => Self::Unavailable(reason),
            CallError::Refused(reason) => Self::Refused(reason),
            CallError::NoAnswer(reason) | CallError::FaultyServer(reason) => {
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
        }
    }
}

/// Says what the error means if the call had no effect, as a mere question never has.
impl From<CallError> for Status {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Unreachable(reason) | CallError::NoAnswer(reason) => {
                Self::Unavailable(reason)
            }
            CallError::Refused(reason) | CallError::FaultyServer(reason) => Self::Refused(reason),
        }
    }
}
