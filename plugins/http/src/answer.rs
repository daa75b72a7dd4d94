//! What a complete HTTP answer is: a method's answer, or trouble.
//!
//! A status alone proves little: Zope answers a wrong path with 200, a wrong password with 401,
//! and a redirect may have had its effect.

use std::path::Path;

use dsnap_core::{Reason, text};
use dxr::Value;
use reqwest::StatusCode;

use crate::address;
use crate::fault::{Fault, Meaning};
use crate::trouble::Trouble;
use crate::wire::Response;
use crate::xml::{self, Document};

/// A method's answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    /// It did what it was asked; the value is one that can be read, or none.
    Value(Option<Value>),
    /// An exception.
    Fault(Fault),
}

/// Where an answer comes from, for messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// The URL, without secrets.
    pub(crate) url: &'a str,
    /// The file that holds user and password.
    pub(crate) access: &'a Path,
}

impl Origin<'_> {
    /// Reads an answer.
    ///
    /// # Errors
    ///
    /// It is not a method's answer.
    pub(crate) fn read(self, response: &Response) -> Result<Answer, Trouble> {
        let url = self.url;
        match response.status {
            StatusCode::OK => self.document(response),
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Err(Trouble::Refused(self.not_authorised(&format!("{url} answered {status}"))))
            }
            StatusCode::NOT_FOUND => Err(Trouble::Refused(no_toolkit(url, "404 Not Found"))),
            status if status.is_redirection() => Err(Trouble::Lost(self.redirect(response))),
            status => {
                let what = format!("{url} answered {status}, which says nothing about a snapshot");
                Err(lost(what, "look into the log of the server, and of a proxy in front of it"))
            }
        }
    }

    fn document(self, response: &Response) -> Result<Answer, Trouble> {
        let url = self.url;
        let hint = "the URL must lead to a DirectoryStorageToolkit object in Zope";
        let kind = response.content_type.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("text/xml") {
            let kind = if kind.is_empty() { "of no type" } else { &text::harmless(kind) };
            return Err(lost(format!("the answer of {url} is not XML, but {kind}"), hint));
        }
        match xml::read(&response.body) {
            Some(Document::Value(value)) => Ok(Answer::Value(value)),
            Some(Document::Fault(words)) => Ok(Answer::Fault(Fault::read(&words))),
            None => Err(lost(format!("the answer of {url} is not one of XML-RPC"), hint)),
        }
    }

    /// A redirect is never followed: it may have had its effect, and leads elsewhere.
    fn redirect(self, response: &Response) -> Reason {
        let (url, status) = (self.url, response.status);
        let target = String::from_utf8_lossy(&response.location).into_owned();
        let shown = address::shown_target(&target);
        if leads_to_login(&target) {
            let what = format!("{url} sends on to a login form ({shown})");
            return self.not_authorised(&what);
        }
        Reason::new(format!(
            "{url} sends on to {} ({status}), which is not followed",
            if shown.is_empty() { "nowhere" } else { &shown }
        ))
        .hint("the line must name the URL of the toolkit itself")
    }

    /// The user may not, or is not known.
    pub(crate) fn not_authorised(self, what: &str) -> Reason {
        Reason::new(format!("not authorised: {what}")).hint(format!(
            "check user and password in {}, and that Zope gives the user the permission 'Manage DirectoryStorages'",
            text::path(self.access)
        ))
    }

    /// What a fault means wherever it comes from; `None` if that depends on the question.
    pub(crate) fn explain(self, fault: &Fault) -> Option<Trouble> {
        let (url, shown) = (self.url, fault.shown());
        match fault.meaning() {
            Meaning::NotFound => Some(Trouble::Refused(no_toolkit(url, "NotFound"))),
            Meaning::Unauthorized => {
                let what = format!("{url} answered {shown}");
                Some(Trouble::Refused(self.not_authorised(&what)))
            }
            Meaning::Disconnected => Some(lost(
                format!("the Zope at {url} has lost its ZEO server ({shown})"),
                "is the ZEO server running?",
            )),
            Meaning::InUse(_) | Meaning::Locked | Meaning::Other => None,
        }
    }
}

/// The words for a fault that means nothing particular.
pub(crate) fn failed(url: &str, method: &str, fault: &Fault) -> Reason {
    Reason::new(format!("{method} failed at {url}: {}", fault.shown()))
        .hint("the error log of the server says more")
}

fn no_toolkit(url: &str, said: &str) -> Reason {
    Reason::new(format!("there is no DirectoryStorageToolkit at {url} ({said})"))
        .hint("the URL must lead to the DirectoryStorageToolkit object in Zope, for instance http://localhost:8080/DSToolkit")
}

fn lost(what: String, hint: &str) -> Trouble {
    Trouble::Lost(Reason::new(what).hint(hint))
}

/// Where Zope, Plone and those in front of them send whoever they do not know.
fn leads_to_login(target: &str) -> bool {
    let target = target.to_ascii_lowercase();
    ["login", "log_in", "signin", "came_from", "acl_users"].iter().any(|sign| target.contains(sign))
}
