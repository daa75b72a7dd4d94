//! One HTTP request: a POST over a connection of its own, and the response.
//!
//! The client follows no redirect, uses no proxy, cookie, compression or netrc, and keeps no
//! connection. It needs one thread only: see `addresses`. What the response means is decided in `answer`, what a failure means in
//! `send_error`.

use std::error::Error;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dsnap_core::{Reason, text};
use dsnap_engine::limits;
use dsnap_engine::server::call_error::CallError;
use dsnap_engine::server::deadline::Deadline;
use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, LOCATION,
};
use reqwest::{Client, StatusCode, redirect, retry};
use tower::util::MapResponseLayer;

use crate::access::Credentials;
use crate::address::Address;
use crate::addresses::Addresses;
use crate::send_error::SendError;
use crate::tls;

const USER_AGENT: &str = concat!("dsnap/", env!("CARGO_PKG_VERSION"));

/// A complete response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    /// The media type, with its parameters; empty if the response has none.
    pub(crate) content_type: String,
    /// The target of a redirect, as bytes.
    pub(crate) location: Vec<u8>,
    /// How the body is compressed; empty if it is not.
    pub(crate) encoding: String,
    /// The body of a 200, or the beginning of that of a 400; empty for any other status.
    pub(crate) body: Vec<u8>,
}

/// A client for one address.
pub(crate) struct HttpClient<'a> {
    pub(crate) address: &'a Address,
    pub(crate) credentials: &'a Credentials,
    pub(crate) tls: &'a tls::Config,
    pub(crate) addresses: &'a Addresses,
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
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| self.no_client(&error))?;
        let exchange = self.exchange(&connected, document);
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

    fn client(
        &self,
        connected: &Arc<AtomicBool>,
        connect_timeout: Duration,
    ) -> reqwest::Result<Client> {
        let connected = Arc::clone(connected);
        // Once the connection is made, and its TLS handshake is over, the request counts as sent.
        let note_connected = MapResponseLayer::new(move |connection| {
            connected.store(true, Ordering::Relaxed);
            connection
        });
        tls::add(Client::builder(), self.tls)
            .connector_layer(note_connected)
            .dns_resolver(self.addresses.clone())
            .connect_timeout(connect_timeout)
            .pool_max_idle_per_host(0)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            .http1_only()
            // Proxies and old servers send odd headers, and what got in must get out.
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_ignore_invalid_headers_in_responses(true)
            .http1_max_headers(limits::MAX_RESPONSE_HEADERS)
            .user_agent(USER_AGENT)
            .build()
    }

    /// Connects to the first address that answers, and exchanges request and response.
    ///
    /// The addresses share the time for connecting. With several, each gets a second at first, so
    /// that dead ones cost little; if none answers so soon, each gets its part of the rest.
    async fn exchange(
        &self,
        connected: &Arc<AtomicBool>,
        document: String,
    ) -> Result<Response, SendError> {
        let began = Instant::now();
        let find = self.addresses.count(self.address.url());
        let found = tokio::time::timeout(limits::CONNECT_TIMEOUT, find).await;
        let count = found.map_err(|_| SendError::NoConnection)?.map_err(SendError::Lookup)?;
        let quick = limits::ADDRESS_TIMEOUT * count;
        if count > 1 && quick < limits::CONNECT_TIMEOUT {
            let found = Instant::now();
            let result = self.request(connected, quick, document.clone()).await;
            let ran_out = found.elapsed() >= limits::ADDRESS_TIMEOUT;
            if connected.load(Ordering::Relaxed) || !ran_out {
                return result;
            }
        }
        let rest = limits::CONNECT_TIMEOUT.saturating_sub(began.elapsed());
        self.request(connected, rest, document).await
    }

    async fn request(
        &self,
        connected: &Arc<AtomicBool>,
        connect_timeout: Duration,
        document: String,
    ) -> Result<Response, SendError> {
        let request = self
            .client(connected, connect_timeout)
            .map_err(SendError::Http)?
            .post(self.address.url().clone())
            .header(AUTHORIZATION, self.credentials.header())
            .header(CONTENT_TYPE, "text/xml")
            // Some proxies compress what does not refuse it.
            .header(ACCEPT_ENCODING, "identity")
            .body(document);
        let mut incoming = request.send().await.map_err(SendError::Http)?;
        incoming.remote_addr().into_iter().for_each(|it| self.addresses.note_answer_from(it));
        let header = |name| incoming.headers().get(name).map(HeaderValue::as_bytes);
        let text = |name| String::from_utf8_lossy(header(name).unwrap_or_default()).into_owned();
        let mut response = Response {
            status: incoming.status(),
            content_type: text(CONTENT_TYPE),
            encoding: text(CONTENT_ENCODING),
            location: header(LOCATION).unwrap_or_default().to_owned(),
            body: Vec::new(),
        };
        match response.status {
            StatusCode::OK => response.body = read_body(incoming).await?,
            StatusCode::BAD_REQUEST => response.body = read_page(&mut incoming).await,
            _ => {}
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
        let (url, error) = (self.address.shown(), text::harmless(text::error(&error)));
        CallError::Unreachable(Reason::new(format!("cannot prepare a request to {url}: {error}")))
    }
}

/// Reads a whole body.
async fn read_body(mut incoming: reqwest::Response) -> Result<Vec<u8>, SendError> {
    let mut body = Vec::new();
    while let Some(chunk) = incoming.chunk().await.map_err(SendError::Body)? {
        if body.len() + chunk.len() > limits::MAX_ANSWER {
            return Err(SendError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Reads the beginning of an error page. The status alone decides what it means for the call, so no
/// flaw of the page matters.
async fn read_page(incoming: &mut reqwest::Response) -> Vec<u8> {
    let mut page = Vec::new();
    let read = async {
        while let Ok(Some(chunk)) = incoming.chunk().await
            && page.len() < limits::MAX_ERROR_PAGE
        {
            page.extend_from_slice(&chunk);
        }
    };
    let _ = tokio::time::timeout(limits::ERROR_PAGE_TIMEOUT, read).await;
    page
}
