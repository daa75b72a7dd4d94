//! Why a request brought no response, and what that means.
//!
//! The same failure means different things before and after the connection was made. Before, the
//! server cannot have received the request; after, it may have carried it out.

use std::error::Error;
use std::io;

use dsnap_core::{Reason, text};
use dsnap_engine::server::call_error::CallError;
use dsnap_engine::server::deadline::{Deadline, DeadlineError};
use dsnap_engine::{durations, limits};

use crate::address::{Address, URL_HINT};
use crate::secrets::Secrets;
use crate::tls;

/// Why a request brought no response.
pub(crate) enum SendError {
    /// The host has no address that can be found.
    Lookup(io::Error),
    /// Not even an address was found within [`limits::CONNECT_TIMEOUT`].
    NoConnection,
    /// Waiting had to end.
    Deadline(DeadlineError),
    /// The connection or the TLS handshake failed, or the head of the response did not come.
    Http(reqwest::Error),
    /// The head of the response came, and its body did not.
    Body(reqwest::Error),
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
            Self::Http(error) => match tls::failure(address, secrets, &error_chain(error)) {
                Some(reason) => return CallError::Refused(reason),
                None if error.is_timeout() => {
                    format!(
                        "no connection to {url} within {}",
                        durations::limit_in_words(limits::CONNECT_TIMEOUT)
                    )
                }
                None => format!("{url} cannot be reached: {}", root_cause(secrets, error)),
            },
            Self::Lookup(error) => {
                format!("{url} cannot be reached: {}", secrets.shown(&text::error(error)))
            }
            Self::NoConnection => no_connection(url),
            // Without a connection there is no response.
            Self::Body(_) | Self::TooLarge => format!("{url} cannot be reached"),
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
        match self {
            Self::Deadline(DeadlineError::TimedOut) => CallError::NoAnswer(
                Reason::new(format!(
                    "no answer from {url} within {}",
                    durations::limit_in_words(deadline.limit())
                ))
                .hint("if the server needs longer, end the line with timeout=DURATION"),
            ),
            Self::Deadline(DeadlineError::Stopped | DeadlineError::StoppedWithoutAnswer) => {
                CallError::NoAnswer(Reason::new(format!("stopped before {url} answered")))
            }
            Self::Http(error) => match tls::refusal(url, &error_chain(error)) {
                Some(reason) => CallError::Refused(reason),
                None => incomplete(url, secrets, error),
            },
            Self::Body(error) => incomplete(url, secrets, error),
            // These come before the connection.
            Self::Lookup(_) | Self::NoConnection => {
                CallError::NoAnswer(Reason::new(no_connection(url)))
            }
            Self::TooLarge => {
                let limit = limits::MAX_ANSWER;
                let text = format!("the answer from {url} is larger than {limit} bytes");
                CallError::Unreadable(Reason::new(text).hint(URL_HINT))
            }
        }
    }
}

fn no_connection(url: &str) -> String {
    format!("no connection to {url} within {}", durations::limit_in_words(limits::CONNECT_TIMEOUT))
}

/// Explains an answer that is not complete, or no HTTP.
fn incomplete(url: &str, secrets: &Secrets, error: &reqwest::Error) -> CallError {
    let text = format!("no complete answer from {url}: {}", root_cause(secrets, error));
    let hint = "look in the server's log, and check that the port speaks HTTP, not HTTPS";
    let reason = Reason::new(text).hint(hint);
    let is_lost = |error: &&(dyn Error + 'static)| {
        error.is::<io::Error>()
            || error.downcast_ref().is_some_and(hyper::Error::is_incomplete_message)
    };
    if error_chain(error).iter().any(is_lost) {
        CallError::NoAnswer(reason)
    } else {
        CallError::Unreadable(reason)
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
    error_chain(error).last().map_or_else(String::new, |error| secrets.shown(&text::error(&error)))
}
