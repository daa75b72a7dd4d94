//! One call: a POST over a connection of its own, and what came back.
//!
//! Nothing is followed, kept, unpacked or looked up on the way: no redirect, proxy, cookie,
//! compression or netrc. What the answer means is `answer`'s part.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dsnap_core::{Reason, text};
use dsnap_engine::limits;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Client, StatusCode, redirect, retry};
use rustls::ClientConfig;
use tower::util::MapResponseLayer;

use crate::address::Address;
use crate::patience::{Over, Patience};
use crate::tls;
use crate::trouble::Trouble;

/// How we call ourselves.
const USER_AGENT: &str = concat!("dsnap/", env!("CARGO_PKG_VERSION"));

/// What came back, complete.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    /// Empty if the server names none.
    pub(crate) content_type: String,
    /// Where a redirect leads, as bytes.
    pub(crate) location: Vec<u8>,
    /// Only of a 200.
    pub(crate) body: Vec<u8>,
}

/// Why nothing came back.
enum Failure {
    Over(Over),
    Http(reqwest::Error),
    TooLarge,
}

/// The way to one address.
pub(crate) struct Wire<'a> {
    pub(crate) address: &'a Address,
    pub(crate) credentials: HeaderValue,
    pub(crate) tls: &'a ClientConfig,
    pub(crate) patience: &'a Patience<'a>,
}

impl Wire<'_> {
    /// Sends a document and waits for what comes back.
    ///
    /// # Errors
    ///
    /// No connection, no complete answer, no more time, or the caller wants to stop.
    pub(crate) fn post(&self, document: String) -> Result<Response, Trouble> {
        let connected = Arc::new(AtomicBool::new(false));
        let client = self.client(&connected).map_err(|error| self.no_client(&error))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| self.no_client(&error))?;
        let answer = runtime.block_on(self.patiently(&connected, self.exchange(&client, document)));
        // Somewhere a name may still be looked up: nobody waits for that.
        runtime.shutdown_background();
        answer.map_err(|failure| {
            if connected.load(Ordering::Relaxed) {
                self.lost(&failure)
            } else {
                self.unsent(&failure)
            }
        })
    }

    fn client(&self, connected: &Arc<AtomicBool>) -> reqwest::Result<Client> {
        let connected = Arc::clone(connected);
        // Once the connection stands, and TLS with it, everything counts as sent.
        let notice = MapResponseLayer::new(move |connection| {
            connected.store(true, Ordering::Relaxed);
            connection
        });
        Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .connector_layer(notice)
            .connect_timeout(limits::CONNECT_TIMEOUT)
            .pool_max_idle_per_host(0)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            .http1_only()
            .user_agent(USER_AGENT)
            .build()
    }

    async fn exchange(&self, client: &Client, document: String) -> Result<Response, Failure> {
        let request = client
            .post(self.address.url().clone())
            .header(AUTHORIZATION, self.credentials.clone())
            .header(CONTENT_TYPE, "text/xml")
            .body(document);
        let mut answer = request.send().await.map_err(Failure::Http)?;
        let header = |name| answer.headers().get(name).map(HeaderValue::as_bytes);
        let content_type = header(CONTENT_TYPE).unwrap_or_default();
        let mut response = Response {
            status: answer.status(),
            content_type: String::from_utf8_lossy(content_type).into_owned(),
            location: header(LOCATION).unwrap_or_default().to_owned(),
            body: Vec::new(),
        };
        while response.status == StatusCode::OK {
            let Some(chunk) = answer.chunk().await.map_err(Failure::Http)? else { break };
            if response.body.len() + chunk.len() > limits::MAX_ANSWER {
                return Err(Failure::TooLarge);
            }
            response.body.extend_from_slice(&chunk);
        }
        Ok(response)
    }

    /// Works until it is done or patience is over.
    async fn patiently<T>(
        &self,
        connected: &AtomicBool,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut work = pin!(work);
        loop {
            if let Some(over) = self.patience.over() {
                return Err(Failure::Over(over));
            }
            let waited = tokio::time::timeout(self.patience.nap(), work.as_mut()).await;
            if connected.load(Ordering::Relaxed) {
                self.patience.note_sent();
            }
            if let Ok(done) = waited {
                return done;
            }
        }
    }

    fn no_client(&self, error: &dyn Error) -> Trouble {
        let why = text::harmless(error.to_string());
        Trouble::Unreachable(Reason::new(format!(
            "nothing can be sent to {}: {why}",
            self.address.shown()
        )))
    }

    /// The connection never stood.
    fn unsent(&self, failure: &Failure) -> Trouble {
        let url = self.address.shown();
        let what = match failure {
            Failure::Over(Over::Stopped | Over::LastAnswer) => {
                let what = format!("stopped before anything was sent to {url}");
                return Trouble::Unreachable(Reason::new(what));
            }
            Failure::Over(Over::TimeUp) => {
                format!("no connection to {url} within {:?}", self.patience.time())
            }
            Failure::Http(error) => match tls::refusal(self.address, &chain(error)) {
                Some(refusal) => return Trouble::Refused(refusal),
                None if error.is_timeout() => {
                    format!("no connection to {url} within {:?}", limits::CONNECT_TIMEOUT)
                }
                None => format!("{url} cannot be reached: {}", deepest(error)),
            },
            // Only what came over a connection is too large.
            Failure::TooLarge => format!("{url} cannot be reached"),
        };
        let hint = "is the server running, and does it listen at this address?";
        Trouble::Unreachable(Reason::new(what).hint(hint))
    }

    /// The connection stood, but what came back is not all of an answer.
    fn lost(&self, failure: &Failure) -> Trouble {
        let url = self.address.shown();
        let (what, hint) = match failure {
            Failure::Over(Over::TimeUp) => (
                format!("no answer from {url} within {:?}", self.patience.time()),
                "if the server needs longer, end the line with timeout=DURATION",
            ),
            Failure::Over(Over::Stopped | Over::LastAnswer) => {
                (format!("stopped before {url} answered"), "whether it had its effect is not known")
            }
            Failure::Http(error) => (
                format!("{url} gave no complete answer: {}", deepest(error)),
                "look into the server's log; does the port speak HTTP, or perhaps https?",
            ),
            Failure::TooLarge => (
                format!("the answer of {url} is larger than {} bytes", limits::MAX_ANSWER),
                "the URL must lead to a DirectoryStorageToolkit object in Zope",
            ),
        };
        Trouble::Lost(Reason::new(what).hint(hint))
    }
}

/// An error and everything below it, outermost first.
fn chain<'e>(error: &'e (dyn Error + 'static)) -> Vec<&'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| below(*error)).take(20).collect()
}

/// What an error is about. An `io::Error` does not show what it wraps as its source, but the
/// source of that.
fn below<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// The innermost error: what really happened.
fn deepest(error: &reqwest::Error) -> String {
    chain(error).last().map_or_else(String::new, |error| text::harmless(error.to_string()))
}
