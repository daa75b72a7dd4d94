//! One HTTP request: a POST over a connection of its own, and the response.
//!
//! The client follows no redirect, uses no proxy, cookie, compression or netrc, and keeps no
//! connection. What the response means is decided in `answer`, what a failure means in
//! `send_error`.

use std::error::Error;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dsnap_core::{Reason, text};
use dsnap_engine::limits;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Client, StatusCode, redirect, retry};
use rustls::ClientConfig;
use tower::util::MapResponseLayer;

use crate::access::Credentials;
use crate::address::Address;
use crate::call_error::CallError;
use crate::deadline::Deadline;
use crate::send_error::SendError;

const USER_AGENT: &str = concat!("dsnap/", env!("CARGO_PKG_VERSION"));

/// A complete response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    /// The media type, with its parameters; empty if the response has none.
    pub(crate) content_type: String,
    /// The target of a redirect, as bytes.
    pub(crate) location: Vec<u8>,
    /// The body of a 200; empty for any other status.
    pub(crate) body: Vec<u8>,
}

/// A client for one address.
pub(crate) struct HttpClient<'a> {
    pub(crate) address: &'a Address,
    pub(crate) credentials: &'a Credentials,
    pub(crate) tls: &'a ClientConfig,
    pub(crate) deadline: &'a Deadline<'a>,
}

impl HttpClient<'_> {
    /// Sends a document and waits for the response.
    ///
    /// # Errors
    ///
    /// No connection could be made, the response is incomplete or too large, the time is up, or
    /// the caller wants to stop.
    pub(crate) fn post(&self, document: String) -> Result<Response, CallError> {
        let connected = Arc::new(AtomicBool::new(false));
        let client = self.client(&connected).map_err(|error| self.no_client(&error))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| self.no_client(&error))?;
        let exchange = self.exchange(&client, document);
        let response = runtime.block_on(self.until_deadline(&connected, exchange));
        // A thread may still be looking up the host name. Do not wait for it.
        runtime.shutdown_background();
        response.map_err(|error| {
            let (address, secrets) = (self.address, self.credentials.secrets());
            if connected.load(Ordering::Relaxed) {
                error.after_connecting(address, secrets, self.deadline)
            } else {
                error.before_connecting(address, secrets, self.deadline)
            }
        })
    }

    fn client(&self, connected: &Arc<AtomicBool>) -> reqwest::Result<Client> {
        let connected = Arc::clone(connected);
        // Once the connection is made, and its TLS handshake is over, the request counts as sent.
        let note_connected = MapResponseLayer::new(move |connection| {
            connected.store(true, Ordering::Relaxed);
            connection
        });
        Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .connector_layer(note_connected)
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

    async fn exchange(&self, client: &Client, document: String) -> Result<Response, SendError> {
        let request = client
            .post(self.address.url().clone())
            .header(AUTHORIZATION, self.credentials.header())
            .header(CONTENT_TYPE, "text/xml")
            .body(document);
        let mut incoming = request.send().await.map_err(SendError::Http)?;
        let header = |name| incoming.headers().get(name).map(HeaderValue::as_bytes);
        let content_type = header(CONTENT_TYPE).unwrap_or_default();
        let mut response = Response {
            status: incoming.status(),
            content_type: String::from_utf8_lossy(content_type).into_owned(),
            location: header(LOCATION).unwrap_or_default().to_owned(),
            body: Vec::new(),
        };
        while response.status == StatusCode::OK {
            let Some(chunk) = incoming.chunk().await.map_err(SendError::Http)? else { break };
            if response.body.len() + chunk.len() > limits::MAX_ANSWER {
                return Err(SendError::TooLarge);
            }
            response.body.extend_from_slice(&chunk);
        }
        Ok(response)
    }

    /// Waits for `work` until the deadline, and asks the caller again and again whether to stop.
    async fn until_deadline<T>(
        &self,
        connected: &AtomicBool,
        work: impl Future<Output = Result<T, SendError>>,
    ) -> Result<T, SendError> {
        let mut work = pin!(work);
        loop {
            self.deadline.check().map_err(SendError::Deadline)?;
            let interval = self.deadline.poll_interval();
            let result = tokio::time::timeout(interval, work.as_mut()).await;
            if connected.load(Ordering::Relaxed) {
                self.deadline.note_sent();
            }
            if let Ok(result) = result {
                return result;
            }
        }
    }

    fn no_client(&self, error: &dyn Error) -> CallError {
        let (url, error) = (self.address.shown(), text::harmless(error.to_string()));
        CallError::Unreachable(Reason::new(format!("cannot prepare a request to {url}: {error}")))
    }
}
