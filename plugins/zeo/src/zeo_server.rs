//! The server that a line names: its three snapshot calls, over one conversation.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dsnap_core::method::Request;
use dsnap_core::{Code, Reason, text};
use dsnap_engine::server::access_file::Account;
use dsnap_engine::server::call_error::CallError;
use dsnap_engine::server::current_use::CurrentUse;
use dsnap_engine::server::deadline::{Deadline, TimeLimits};
use dsnap_engine::server::{self, Server};
use dsnap_engine::system::credential_folder::CredentialFolder;

use crate::call::Argument;
use crate::calls::{Answer, Calls, call_failed};
use crate::conversation;
use crate::line::Line;
use crate::pickle::Value;
use crate::reply;
use crate::trouble::Endpoint;

/// The server that a line names, with all that is needed to call it.
///
/// The conversation begins with the first call. It ends with this value, because a server collects
/// every commit in its memory for a client that does not listen.
pub(crate) struct ZeoServer<'a> {
    line: Line,
    account: Option<Account>,
    limits: TimeLimits<'a>,
    /// The file that a server locks before it leaves.
    sublock: PathBuf,
    calls: RefCell<Option<Calls>>,
}

impl<'a> ZeoServer<'a> {
    /// Reads the line and its access file; sends nothing. `default_limit` applies to a request
    /// without a limit.
    ///
    /// # Errors
    ///
    /// The line or its file is unusable, so a person must act.
    pub(crate) fn of(
        request: &Request<'a>,
        folder: &CredentialFolder,
        default_limit: Duration,
    ) -> Result<Self, Reason> {
        let limits = TimeLimits::of(request, default_limit);
        let line = Line::read(request, folder)?;
        let account = line.access.as_deref().map(Account::read).transpose();
        let account = account.map_err(|reason| line.without_access(reason))?;
        let sublock = request.storage.join("misc/sublock");
        Ok(Self { line, account, limits, sublock, calls: RefCell::new(None) })
    }

    /// Makes a call. After a trouble, the next call begins a new conversation.
    fn call<T>(
        &self,
        name: &str,
        arguments: &[Argument<'_>],
        deadline: &Deadline<'_>,
        read: impl FnOnce(&Value<'_>) -> Option<T>,
    ) -> Result<Answer<T>, CallError> {
        let mut slot = self.calls.borrow_mut();
        let mut calls = match slot.take() {
            Some(calls) => calls,
            None => conversation::begin(&self.line, self.account.as_ref(), deadline)?,
        };
        let answer = calls.call(name, arguments, deadline, read)?;
        *slot = Some(calls);
        Ok(answer)
    }

    /// Makes a call that enters or leaves. Its result says nothing.
    fn change(&self, name: &str, code: &Code) -> Result<server::Answer, CallError> {
        let arguments = [Argument::Text(code.as_str().as_bytes())];
        let deadline = self.limits.whole();
        let endpoint = Endpoint { address: &self.line.shown, deadline };
        deadline.check().map_err(|stop| endpoint.before_connecting(&stop.into()))?;
        // Only the answer says what came of it.
        deadline.note_sent();
        Ok(match self.call(name, &arguments, deadline, |_| Some(()))? {
            Ok(()) => server::Answer::Done,
            Err(exception) => {
                let reason = call_failed(&self.line.shown, name, &exception);
                server::Answer::Raised(exception, reason)
            }
        })
    }
}

/// The protocol: how the three calls are made.
impl Server for ZeoServer<'_> {
    fn shown(&self) -> &str {
        &self.line.shown
    }

    /// The password is never sent, so no server can repeat it.
    fn harmless(&self, words: &str) -> String {
        text::harmless(words)
    }

    fn sublock(&self) -> &Path {
        &self.sublock
    }

    fn limits(&self) -> &TimeLimits<'_> {
        &self.limits
    }

    fn ask(&self, deadline: &Deadline<'_>) -> Result<Option<CurrentUse>, CallError> {
        let name = "get_snapshot_code";
        let read = |result: &Value<'_>| match result {
            Value::None => Some(None),
            Value::Text(code) => Some(Some(CurrentUse::parse(reply::shown(code)))),
            _ => None,
        };
        self.call(name, &[], deadline, read)?.map_err(|exception| {
            CallError::FaultyServer(call_failed(&self.line.shown, name, &exception))
        })
    }

    fn enter_snapshot(&self, code: &Code) -> Result<server::Answer, CallError> {
        self.change("enter_snapshot", code)
    }

    fn leave_snapshot(&self, code: &Code) -> Result<server::Answer, CallError> {
        self.change("leave_snapshot", code)
    }
}
