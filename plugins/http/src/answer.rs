//! What a complete HTTP response means: an answer of the toolkit, or a [`CallError`].
//!
//! A status alone proves little. Zope answers a wrong path with 200 and a wrong password with 401,
//! and a call that is answered with a redirect may have had its effect.

use std::path::Path;

use dsnap_core::{Reason, text};
use dsnap_engine::server;
use dsnap_engine::server::call_error::CallError;
use dsnap_engine::server::current_use::CurrentUse;
use dxr::Value;
use reqwest::StatusCode;

use crate::address::{self, URL_HINT};
use crate::client::Response;
use crate::fault::{Fault, Meaning};
use crate::secrets::Secrets;
use crate::xml::{self, Document};

/// The toolkit's method that says what its storage is used for.
pub(crate) const QUESTION: &str = "currentSnapshotCode";
/// The toolkit's method that enters a snapshot.
pub(crate) const ENTER: &str = "enterSnapshot";
/// The toolkit's method that leaves it.
pub(crate) const LEAVE: &str = "leaveSnapshot";

/// A toolkit's answer to a call.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    /// The call succeeded. The value is absent if it is of an unknown type.
    Value(Option<Value>),
    /// The call raised an exception.
    Fault(Fault),
}

/// The toolkit that gives the answers, as messages name it.
#[derive(Clone, Copy)]
pub(crate) struct Endpoint<'a> {
    /// The URL, without secrets.
    pub(crate) url: &'a str,
    /// The file that contains user and password.
    pub(crate) access_file: &'a Path,
    /// What no message may repeat.
    pub(crate) secrets: &'a Secrets,
}

impl Endpoint<'_> {
    /// Reads the toolkit's answer from a response.
    ///
    /// # Errors
    ///
    /// The response is not an answer of a toolkit.
    pub(crate) fn read_answer(self, response: &Response) -> Result<Answer, CallError> {
        let url = self.url;
        match response.status {
            StatusCode::OK => self.read_document(response),
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                let what = format!("{url} answered {status}");
                Err(CallError::Refused(self.not_authorised(&what)))
            }
            StatusCode::NOT_FOUND => Err(CallError::Refused(no_toolkit(url, "404 Not Found"))),
            status if status.is_redirection() => Err(self.redirect(response)),
            status => Err(error_status(status)(self.explain_status(response))),
        }
    }

    fn explain_status(self, response: &Response) -> Reason {
        let (url, status) = (self.url, response.status);
        let says = |words: &[u8]| response.body.windows(words.len()).any(|it| it == words);
        if status == StatusCode::BAD_REQUEST && says(NO_XML_RPC) {
            let text = format!("the Zope at {url} does not accept XML-RPC (it answered {status})");
            return Reason::new(text).hint("write `enable-xmlrpc on` into zope.conf");
        }
        Reason::new(format!("{url} answered {status}"))
            .hint("look in the log of the server, and of any proxy in front of it")
    }

    fn read_document(self, response: &Response) -> Result<Answer, CallError> {
        let url = self.url;
        let unusable = |text: String| CallError::Unreadable(Reason::new(text).hint(URL_HINT));
        if !response.encoding.is_empty() && !response.encoding.eq_ignore_ascii_case("identity") {
            let encoding = self.secrets.shown(&response.encoding);
            let text = format!("{url} answered with a compressed document ({encoding})");
            let hint = "make the proxy in front of the server send it as it is";
            return Err(CallError::Unreadable(Reason::new(text).hint(hint)));
        }
        let media_type = response.content_type.split(';').next().unwrap_or_default().trim();
        if media_type.is_empty() {
            return Err(unusable(format!("{url} answered without a Content-Type, not with XML")));
        }
        if !["text/xml", "application/xml"].iter().any(|it| media_type.eq_ignore_ascii_case(it)) {
            let media_type = self.secrets.shown(media_type);
            return Err(unusable(format!("{url} answered with {media_type}, not with XML")));
        }
        match xml::read_response(&response.body) {
            Some(Document::Value(value)) => Ok(Answer::Value(value)),
            Some(Document::Fault(fault_string)) => Ok(Answer::Fault(Fault::parse(&fault_string))),
            None => Err(unusable(format!(
                "{url} answered with a document that is not an XML-RPC response"
            ))),
        }
    }

    /// Explains a redirect. It is never followed: the call may have had its effect, and another
    /// server must not get the password.
    fn redirect(self, response: &Response) -> CallError {
        let (url, status) = (self.url, response.status);
        let target = String::from_utf8_lossy(&response.location).into_owned();
        let shown = self.secrets.shown(&address::target(&target));
        if leads_to_login(&target) {
            let what = format!("{url} redirects to a login form ({shown})");
            return CallError::FaultyServer(self.not_authorised(&what));
        }
        let target = if shown.is_empty() { "no address" } else { &shown };
        let text = format!("{url} redirects to {target} ({status}); redirects are not followed");
        CallError::Unreadable(
            Reason::new(text).hint("write the URL of the toolkit itself on the line"),
        )
    }

    fn not_authorised(self, what: &str) -> Reason {
        Reason::new(format!("not authorised: {what}")).hint(format!(
            "check the user and password in {}; in Zope, this user needs the permission 'Manage DirectoryStorages'",
            text::path(self.access_file)
        ))
    }

    /// Explains a fault that means the same after every call. Returns `None` for a fault whose
    /// meaning depends on the call.
    pub(crate) fn explain(self, fault: &Fault) -> Option<CallError> {
        let (url, summary) = (self.url, fault.summary(self.secrets));
        match fault.meaning() {
            Meaning::NotFound => Some(CallError::Refused(no_toolkit(url, "NotFound"))),
            Meaning::Unauthorized => {
                let what = format!("{url} answered {summary}");
                Some(CallError::Refused(self.not_authorised(&what)))
            }
            Meaning::Disconnected => Some(CallError::NoAnswer(
                Reason::new(format!(
                    "the Zope at {url} has lost the connection to its ZEO server ({summary})"
                ))
                .hint("check that the ZEO server is running"),
            )),
            Meaning::OfStorage => None,
        }
    }

    /// Reads the current use of the storage from the answer to the question for it.
    ///
    /// # Errors
    ///
    /// The answer contains no snapshot code.
    pub(crate) fn current_use(self, answer: Answer) -> Result<Option<CurrentUse>, CallError> {
        match answer {
            // A Zope that does not know nil answers with false.
            Answer::Value(Some(Value::Nil | Value::Boolean(false))) => Ok(None),
            Answer::Value(Some(Value::String(code))) if code.is_empty() => Ok(None),
            Answer::Value(Some(Value::String(code))) => Ok(Some(CurrentUse::parse(code))),
            Answer::Value(_) => {
                let text = format!("{QUESTION} at {} did not return a snapshot code", self.url);
                Err(CallError::Unreadable(Reason::new(text).hint(URL_HINT)))
            }
            Answer::Fault(fault) => Err(self
                .explain(&fault)
                .unwrap_or_else(|| CallError::FaultyServer(self.call_failed(QUESTION, &fault)))),
        }
    }

    /// Reads the answer to a call that enters or leaves. Its value is nil, false or something else,
    /// depending on the version of Zope.
    ///
    /// # Errors
    ///
    /// The answer is a fault that means the same after every call.
    pub(crate) fn change(self, method: &str, answer: Answer) -> Result<server::Answer, CallError> {
        let fault = match answer {
            Answer::Value(_) => return Ok(server::Answer::Done),
            Answer::Fault(fault) => fault,
        };
        if let Some(error) = self.explain(&fault) {
            return Err(error);
        }
        let reason = self.call_failed(method, &fault);
        Ok(server::Answer::Raised(fault.into_exception(), reason))
    }

    /// Says that a call failed with a fault without a known meaning.
    pub(crate) fn call_failed(self, method: &str, fault: &Fault) -> Reason {
        let text = format!("{method} failed at {}: {}", self.url, fault.summary(self.secrets));
        Reason::new(text).hint(if fault.lacks_call() { UNPATCHED_ZEO } else { ERROR_LOG })
    }
}

/// Says what an error status means for the call, as far as the status alone can say it.
fn error_status(status: StatusCode) -> fn(Reason) -> CallError {
    use StatusCode as S;
    match status {
        S::BAD_REQUEST
        | S::METHOD_NOT_ALLOWED
        | S::PROXY_AUTHENTICATION_REQUIRED
        | S::LENGTH_REQUIRED
        | S::PAYLOAD_TOO_LARGE
        | S::MISDIRECTED_REQUEST
        | S::TOO_MANY_REQUESTS
        | S::REQUEST_HEADER_FIELDS_TOO_LARGE => CallError::Refused,
        S::INTERNAL_SERVER_ERROR => CallError::ServerError,
        S::BAD_GATEWAY | S::SERVICE_UNAVAILABLE | S::GATEWAY_TIMEOUT => CallError::NoAnswer,
        _ => CallError::Unreadable,
    }
}

const ERROR_LOG: &str = "look in the server's error log for more";
const UNPATCHED_ZEO: &str = "if this Zope uses ZEO: patch ZEO as DirectoryStorage's doc/INSTALL.txt says, and restart both; else look in the server's error log";

/// What a Zope 6 says in a 400 if its configuration does not allow XML-RPC.
const NO_XML_RPC: &[u8] = b"Unsupported request type";

fn no_toolkit(url: &str, answer: &str) -> Reason {
    Reason::new(format!("there is no DirectoryStorageToolkit at {url} ({answer})")).hint(URL_HINT)
}

/// Says whether a redirect leads to a login form of Zope, of Plone or of a proxy.
fn leads_to_login(target: &str) -> bool {
    let target = target.to_ascii_lowercase();
    ["login", "log_in", "signin", "came_from", "acl_users"].iter().any(|sign| target.contains(sign))
}

#[cfg(test)]
mod properties;
