//! The DirectoryStorageToolkit object that a line names: its three methods as functions.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use dsnap_core::method::Request;
use dsnap_core::text::Harmless;
use dsnap_core::{Code, Reason};
use dsnap_engine::system::credential_folder::CredentialFolder;
use dsnap_engine::system::lock_holders;
use dxr::Value;
use rustls::ClientConfig;

use crate::access::Credentials;
use crate::address::URL_HINT;
use crate::addresses::Addresses;
use crate::answer::{Answer, Endpoint};
use crate::call_error::CallError;
use crate::client::{HttpClient, Response};
use crate::current_use::CurrentUse;
use crate::deadline::Deadline;
use crate::line::Line;
use crate::trace::Traced;
use crate::{tls, xml};

/// The toolkit that a line names, with all that is needed to call it.
pub(crate) struct Toolkit<'a> {
    line: Line,
    credentials: Credentials,
    tls: ClientConfig,
    deadline: Deadline<'a>,
    /// How long the answer to one question may take.
    question_limit: Duration,
    /// The file that a server locks before it leaves.
    sublock: PathBuf,
    addresses: Addresses,
}

impl<'a> Toolkit<'a> {
    /// Reads the line and the files that it names; sends nothing. `default_limit` applies to a
    /// request without a limit, because a server that does not answer makes no progress.
    ///
    /// # Errors
    ///
    /// The line or one of its files is unusable, so a person must act.
    pub(crate) fn of(
        request: &Request<'a>,
        folder: &CredentialFolder,
        default_limit: Duration,
    ) -> Result<Self, Reason> {
        let limit = request.time_left.unwrap_or(default_limit);
        let deadline = Deadline::new(request.caller, limit);
        // Without an answer to the question, this leave is sent all the same: keep time for it.
        let question_limit = if request.snapshot_seen { limit / 2 } else { request.leave_time };
        let line = Line::read(request, folder)?;
        let credentials = Credentials::read(&line.access);
        let credentials = credentials.map_err(|reason| line.without_access(reason))?;
        let tls = tls::config(&line.address, line.ca.as_deref())?;
        Ok(Self {
            line,
            credentials,
            tls,
            deadline,
            question_limit,
            sublock: request.storage.join("misc/sublock"),
            addresses: Addresses::default(),
        })
    }

    /// Returns the URL for messages.
    pub(crate) fn url(&self) -> &str {
        self.line.address.shown()
    }

    /// Says whether the system shows that `misc/sublock` is locked.
    pub(crate) fn sublock_is_locked(&self) -> bool {
        lock_holders::is_held(&self.sublock)
    }

    /// Returns what messages about answers need.
    pub(crate) fn endpoint(&self) -> Endpoint<'_> {
        Endpoint {
            url: self.url(),
            access_file: &self.line.access,
            secrets: self.credentials.secrets(),
        }
    }

    /// Asks the server to enter a snapshot under `code`.
    ///
    /// # Errors
    ///
    /// There is no usable answer.
    pub(crate) fn enter_snapshot(&self, code: &Code) -> Result<Answer, CallError> {
        self.call("enterSnapshot", Some(code.as_str()), &self.deadline)
    }

    /// Asks the server to leave the snapshot. Call this only if `code` is the current snapshot
    /// code: with another one, the server locks `misc/sublock` before it refuses.
    ///
    /// # Errors
    ///
    /// There is no usable answer.
    pub(crate) fn leave_snapshot(&self, code: &Code) -> Result<Answer, CallError> {
        self.call("leaveSnapshot", Some(code.as_str()), &self.deadline)
    }

    /// Asks the server what its storage is used for, if anything.
    ///
    /// # Errors
    ///
    /// There is no usable answer, or it contains no snapshot code.
    pub(crate) fn current_use(&self) -> Result<Option<CurrentUse>, CallError> {
        // What has begun goes on after a stop.
        let answered = self.ask(&self.deadline.part(self.question_limit));
        self.deadline.note_sent();
        answered
    }

    /// Asks the same before an enter, when nothing is at stake: a stop takes effect at once.
    ///
    /// # Errors
    ///
    /// As for [`current_use`](Self::current_use).
    pub(crate) fn current_use_before_enter(&self) -> Result<Option<CurrentUse>, CallError> {
        self.ask(&self.deadline.part(self.question_limit).of_harmless_call())
    }

    fn ask(&self, deadline: &Deadline<'_>) -> Result<Option<CurrentUse>, CallError> {
        let method = "currentSnapshotCode";
        match self.call(method, None, deadline)? {
            // A Zope that does not know nil answers with false.
            Answer::Value(Some(Value::Nil | Value::Boolean(false))) => Ok(None),
            Answer::Value(Some(Value::String(code))) if code.is_empty() => Ok(None),
            Answer::Value(Some(Value::String(code))) => Ok(Some(CurrentUse::parse(code))),
            Answer::Value(_) => {
                let text = format!("{method} at {} did not return a snapshot code", self.url());
                Err(CallError::Unreadable(Reason::new(text).hint(URL_HINT)))
            }
            Answer::Fault(fault) => {
                let endpoint = self.endpoint();
                Err(endpoint.explain(&fault).unwrap_or_else(|| {
                    CallError::FaultyServer(endpoint.call_failed(method, &fault))
                }))
            }
        }
    }

    fn call(
        &self,
        method: &str,
        argument: Option<&str>,
        deadline: &Deadline<'_>,
    ) -> Result<Answer, CallError> {
        let document = xml::write_call(method, argument).ok_or_else(|| {
            let argument = Harmless(argument.unwrap_or_default().as_bytes());
            let text = format!("the argument `{argument}` of {method} cannot be written as XML");
            CallError::Refused(Reason::new(text))
        })?;
        let client = HttpClient {
            address: &self.line.address,
            credentials: &self.credentials,
            tls: &self.tls,
            addresses: &self.addresses,
            deadline,
        };
        self.traced(Traced { method, argument, endpoint: self.endpoint() }, || {
            client.post(document)
        })
    }

    /// Makes a call, reads the answer, and tells the caller about both.
    fn traced(
        &self,
        traced: Traced<'_>,
        post: impl FnOnce() -> Result<Response, CallError>,
    ) -> Result<Answer, CallError> {
        self.deadline.tell(&traced.sent());
        let began = Instant::now();
        let response = post();
        let after = began.elapsed();
        let status = response.as_ref().ok().map(|response| response.status);
        let answer = response.and_then(|response| traced.endpoint.read_answer(&response));
        self.deadline.tell(&traced.answered(status, &answer, after));
        answer
    }
}
