//! Why a request brought no response, and what that means.
//!
//! The same failure means different things before and after the connection was made. Before, the
//! server cannot have received the request; after, it may have carried it out.

use std::error::Error;
use std::io;

use dsnap_core::Reason;
use dsnap_engine::{durations, limits};

use crate::address::{Address, URL_HINT};
use crate::call_error::CallError;
use crate::deadline::{Deadline, DeadlineError};
use crate::secrets::Secrets;
use crate::tls;

/// Why a request brought no response.
pub(crate) enum SendError {
    /// Waiting had to end.
    Deadline(DeadlineError),
    /// The connection, the TLS handshake or the HTTP exchange failed.
    Http(reqwest::Error),
    /// The body of the response is larger than [`limits::MAX_ANSWER`].
    TooLarge,
}

impl SendError {
    /// Explains a failure before the connection was made: nothing was sent.
    pub(crate) fn before_connecting(
        &self,
        address: &Address,
        secrets: &Secrets,
        deadline: &Deadline<'_>,
    ) -> CallError {
        let url = address.shown();
        let text = match self {
            Self::Deadline(DeadlineError::Stopped | DeadlineError::StoppedWithoutAnswer) => {
                let text = format!("stopped before anything was sent to {url}");
                return CallError::Unreachable(Reason::new(text));
            }
            Self::Deadline(DeadlineError::TimedOut) => {
                format!(
                    "no connection to {url} within {}",
                    durations::limit_in_words(deadline.limit())
                )
            }
            Self::Http(error) => {
                match tls::handshake_failure(address, secrets, &error_chain(error)) {
                    Some(reason) => return CallError::Refused(reason),
                    None if error.is_timeout() => {
                        format!(
                            "no connection to {url} within {}",
                            durations::limit_in_words(limits::CONNECT_TIMEOUT)
                        )
                    }
                    None => format!("{url} cannot be reached: {}", root_cause(secrets, error)),
                }
            }
            // Without a connection there is no response that could be too large.
            Self::TooLarge => format!("{url} cannot be reached"),
        };
        let hint = "check that the server is running and listens at this address";
        CallError::Unreachable(Reason::new(text).hint(hint))
    }

    /// Explains a failure after the connection was made: the call may have had its effect.
    pub(crate) fn after_connecting(
        &self,
        address: &Address,
        secrets: &Secrets,
        deadline: &Deadline<'_>,
    ) -> CallError {
        let url = address.shown();
        CallError::NoAnswer(match self {
            Self::Deadline(DeadlineError::TimedOut) => Reason::new(format!(
                "no answer from {url} within {}",
                durations::limit_in_words(deadline.limit())
            ))
            .hint("if the server needs longer, end the line with timeout=DURATION"),
            Self::Deadline(DeadlineError::Stopped | DeadlineError::StoppedWithoutAnswer) => {
                Reason::new(format!("stopped before {url} answered"))
            }
            Self::Http(error) => Reason::new(format!(
                "no complete answer from {url}: {}",
                root_cause(secrets, error)
            ))
            .hint("look in the server's log, and check that the port speaks HTTP, not HTTPS"),
            Self::TooLarge => {
                let limit = limits::MAX_ANSWER;
                Reason::new(format!("the answer from {url} is larger than {limit} bytes"))
                    .hint(URL_HINT)
            }
        })
    }
}

/// Lists an error and its sources, outermost first.
fn error_chain<'e>(error: &'e (dyn Error + 'static)) -> Vec<&'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| source(*error)).collect()
}

/// Returns the source of an error. An `io::Error` that wraps another error does not return it as its
/// source, but the source of the wrapped one.
fn source<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn root_cause(secrets: &Secrets, error: &reqwest::Error) -> String {
    error_chain(error).last().map_or_else(String::new, |error| secrets.shown(&error.to_string()))
}
