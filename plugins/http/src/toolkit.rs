//! The DirectoryStorageToolkit object that a line names: its three methods as functions.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dsnap_core::method::Request;
use dsnap_core::text::Harmless;
use dsnap_core::{Code, Reason};
use dsnap_engine::server::call_error::CallError;
use dsnap_engine::server::current_use::CurrentUse;
use dsnap_engine::server::deadline::{Deadline, TimeLimits};
use dsnap_engine::server::{self, Server};
use dsnap_engine::system::credential_folder::CredentialFolder;

use crate::access::Credentials;
use crate::addresses::Addresses;
use crate::answer::{Answer, ENTER, Endpoint, LEAVE, QUESTION};
use crate::client::{HttpClient, Response};
use crate::line::Line;
use crate::trace::Traced;
use crate::{tls, xml};

/// The toolkit that a line names, with all that is needed to call it.
pub(crate) struct Toolkit<'a> {
    line: Line,
    credentials: Credentials,
    tls: tls::Config,
    limits: TimeLimits<'a>,
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
        let limits = TimeLimits::of(request, default_limit);
        let line = Line::read(request, folder)?;
        let credentials = Credentials::read(&line.access);
        let credentials = credentials.map_err(|reason| line.without_access(reason))?;
        let tls = tls::config(&line.address, line.ca.as_deref())?;
        Ok(Self {
            line,
            credentials,
            tls,
            limits,
            sublock: request.storage.join("misc/sublock"),
            addresses: Addresses::default(),
        })
    }

    /// Returns what messages about answers need.
    fn endpoint(&self) -> Endpoint<'_> {
        Endpoint {
            url: self.shown(),
            access_file: &self.line.access,
            secrets: self.credentials.secrets(),
        }
    }

    /// Makes a call that enters or leaves.
    fn change(&self, method: &str, code: &Code) -> Result<server::Answer, CallError> {
        let answer = self.call(method, Some(code.as_str()), self.limits.whole())?;
        self.endpoint().change(method, answer)
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
        traced(Traced { method, argument, endpoint: self.endpoint() }, deadline, || {
            client.post(document)
        })
    }
}

/// Makes a call, reads the answer, and tells the caller about both.
fn traced(
    traced: Traced<'_>,
    deadline: &Deadline<'_>,
    post: impl FnOnce() -> Result<Response, CallError>,
) -> Result<Answer, CallError> {
    deadline.tell(&traced.sent());
    let began = Instant::now();
    let response = post();
    let after = began.elapsed();
    let status = response.as_ref().ok().map(|response| response.status);
    let answer = response.and_then(|response| traced.endpoint.read_answer(&response));
    deadline.tell(&traced.answered(status, &answer, after));
    answer
}

/// The protocol: how the three calls are made.
impl Server for Toolkit<'_> {
    fn shown(&self) -> &str {
        self.line.address.shown()
    }

    fn harmless(&self, words: &str) -> String {
        self.credentials.secrets().shown(words)
    }

    fn sublock(&self) -> &Path {
        &self.sublock
    }

    fn limits(&self) -> &TimeLimits<'_> {
        &self.limits
    }

    fn ask(&self, deadline: &Deadline<'_>) -> Result<Option<CurrentUse>, CallError> {
        let answer = self.call(QUESTION, None, deadline)?;
        self.endpoint().current_use(answer)
    }

    fn enter_snapshot(&self, code: &Code) -> Result<server::Answer, CallError> {
        self.change(ENTER, code)
    }

    fn leave_snapshot(&self, code: &Code) -> Result<server::Answer, CallError> {
        self.change(LEAVE, code)
    }
}
