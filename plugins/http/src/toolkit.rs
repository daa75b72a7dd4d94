//! A DirectoryStorageToolkit object that can be asked: its three methods.

use std::time::Duration;

use dsnap_core::method::Request;
use dsnap_core::text::Harmless;
use dsnap_core::{Code, Reason};
use dxr::Value;
use rustls::ClientConfig;

use crate::access::Credentials;
use crate::answer::{self, Answer, Origin};
use crate::line::Line;
use crate::occupant::Occupant;
use crate::patience::Patience;
use crate::trouble::Trouble;
use crate::wire::Wire;
use crate::{tls, xml};

/// The toolkit that a line leads to.
pub(crate) struct Toolkit<'a> {
    line: Line,
    credentials: Credentials,
    tls: ClientConfig,
    patience: Patience<'a>,
}

impl<'a> Toolkit<'a> {
    /// Reads everything that the line names; nothing is sent. `time` is for a request without
    /// a limit: a server that does not answer makes no progress.
    ///
    /// # Errors
    ///
    /// A person must correct the line or one of its files.
    pub(crate) fn of(request: &Request<'a>, time: Duration) -> Result<Self, Reason> {
        let patience = Patience::new(request.caller, request.time_left.unwrap_or(time));
        let line = Line::read(request)?;
        let credentials = Credentials::read(&line.access)?;
        let tls = tls::config(&line.address, line.ca.as_deref())?;
        Ok(Self { line, credentials, tls, patience })
    }

    /// The URL for messages.
    pub(crate) fn url(&self) -> &str {
        self.line.address.shown()
    }

    /// Where answers come from.
    pub(crate) fn origin(&self) -> Origin<'_> {
        Origin { url: self.url(), access: &self.line.access }
    }

    /// Asks the server to enter a snapshot under this code.
    ///
    /// # Errors
    ///
    /// There is no answer.
    pub(crate) fn enter_snapshot(&self, code: &Code) -> Result<Answer, Trouble> {
        self.call("enterSnapshot", Some(code.as_str()))
    }

    /// Asks the server to leave the snapshot. With a code that is not the current one this does
    /// harm: the server takes `misc/sublock` before it refuses.
    ///
    /// # Errors
    ///
    /// There is no answer.
    pub(crate) fn leave_snapshot(&self, code: &Code) -> Result<Answer, Trouble> {
        self.call("leaveSnapshot", Some(code.as_str()))
    }

    /// Who has the storage in snapshot mode, if anybody.
    ///
    /// # Errors
    ///
    /// There is no answer, or none to this question.
    pub(crate) fn occupant(&self) -> Result<Option<Occupant>, Trouble> {
        let method = "currentSnapshotCode";
        match self.call(method, None)? {
            // Zopes that do not know nil say false.
            Answer::Value(Some(Value::Nil | Value::Boolean(false))) => Ok(None),
            Answer::Value(Some(Value::String(code))) if code.is_empty() => Ok(None),
            Answer::Value(Some(Value::String(code))) => Ok(Some(Occupant::of(code))),
            Answer::Value(_) => {
                let what = format!("{method} at {} did not answer with a code", self.url());
                Err(Trouble::Lost(
                    Reason::new(what)
                        .hint("the URL must lead to a DirectoryStorageToolkit object in Zope"),
                ))
            }
            Answer::Fault(fault) => Err(self
                .origin()
                .explain(&fault)
                .unwrap_or_else(|| Trouble::Broken(answer::failed(self.url(), method, &fault)))),
        }
    }

    fn call(&self, method: &str, argument: Option<&str>) -> Result<Answer, Trouble> {
        let document = xml::call(method, argument).ok_or_else(|| {
            let argument = argument.unwrap_or_default();
            let what = format!("`{}` cannot be written as XML", Harmless(argument.as_bytes()));
            Trouble::Refused(Reason::new(what))
        })?;
        let wire = Wire {
            address: &self.line.address,
            credentials: self.credentials.header(),
            tls: &self.tls,
            patience: &self.patience,
        };
        self.origin().read(&wire.post(document)?)
    }
}
