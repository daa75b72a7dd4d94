//! For `xtask/fuzz`, and no part of the interface: the three verbs, with given responses in place of a
//! server.

use std::cell::RefCell;
use std::path::Path;

use dsnap_core::method::{Entered, Left, Request, Status};
use dsnap_core::{Code, Reason};
use dsnap_engine::limits;
use dsnap_engine::server::call_error::CallError;
use dsnap_engine::server::current_use::CurrentUse;
use dsnap_engine::server::deadline::{Deadline, TimeLimits};
use dsnap_engine::server::{self, Answer, Server};
use reqwest::StatusCode;

use crate::answer::{self, ENTER, Endpoint, LEAVE, QUESTION};
use crate::client::Response;
use crate::secrets::Secrets;
use crate::trace::Traced;

/// A response. Without one, the connection breaks.
#[derive(Debug, Clone)]
pub struct GivenResponse {
    /// The status, from 100 to 999.
    pub status: u16,
    /// The header `Content-Type`.
    pub content_type: String,
    /// The header `Content-Encoding`.
    pub encoding: String,
    /// The header `Location`.
    pub location: Vec<u8>,
    /// The body.
    pub body: Vec<u8>,
}

/// A server that gives one response after the other.
// wide: what a call of the toolkit needs, and what is remembered of it
pub struct GivenServer<'a> {
    url: &'a str,
    access_file: &'a Path,
    secrets: Secrets,
    limits: TimeLimits<'a>,
    request: &'a Request<'a>,
    responses: RefCell<std::vec::IntoIter<GivenResponse>>,
    /// The methods that were called.
    calls: RefCell<Vec<&'static str>>,
}

impl std::fmt::Debug for GivenServer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GivenServer").field("calls", &self.calls).finish_non_exhaustive()
    }
}

impl<'a> GivenServer<'a> {
    /// Makes a server whose account is `user:password`.
    pub fn new(
        request: &'a Request<'a>,
        (user, password): (&str, &str),
        responses: Vec<GivenResponse>,
    ) -> Self {
        Self {
            url: "http://zope/DSToolkit",
            access_file: Path::new("/srv/ds/config/access"),
            secrets: Secrets::new(user.as_bytes(), password.as_bytes()),
            limits: TimeLimits::of(request, limits::LEAVE_TIMEOUT),
            request,
            responses: RefCell::new(responses.into_iter()),
            calls: RefCell::default(),
        }
    }

    /// Enters as the method does.
    pub fn enter(&self) -> Entered {
        server::enter(self, self.request.code)
    }

    /// Leaves as the method does.
    pub fn leave(&self) -> Left {
        server::leave(self, self.request.code, self.request.snapshot_seen)
    }

    /// Looks as the method does.
    pub fn status(&self) -> Status {
        server::status(self, self.request.code)
    }

    /// Lists the methods of the toolkit that were called.
    pub fn calls(&self) -> Vec<&'static str> {
        self.calls.borrow().clone()
    }

    fn endpoint(&self) -> Endpoint<'_> {
        Endpoint { url: self.url, access_file: self.access_file, secrets: &self.secrets }
    }

    fn call(&self, method: &'static str) -> Result<answer::Answer, CallError> {
        self.calls.borrow_mut().push(method);
        let endpoint = self.endpoint();
        let response = self.responses.borrow_mut().next().and_then(of_given);
        let status = response.as_ref().map(|response| response.status);
        // No user sees this message.
        let broken = || CallError::NoAnswer(Reason::new(self.url));
        let answer = response.ok_or_else(broken).and_then(|it| endpoint.read_answer(&it));
        let traced = Traced { method, argument: None, endpoint };
        self.limits.whole().tell(&traced.answered(status, &answer, std::time::Duration::ZERO));
        answer
    }
}

fn of_given(given: GivenResponse) -> Option<Response> {
    let GivenResponse { status, content_type, encoding, location, body } = given;
    let status = StatusCode::from_u16(status).ok()?;
    Some(Response { status, content_type, location, encoding, body })
}

impl Server for GivenServer<'_> {
    fn shown(&self) -> &str {
        self.url
    }

    fn harmless(&self, words: &str) -> String {
        self.secrets.shown(words)
    }

    fn sublock(&self) -> &Path {
        Path::new("/no/sublock")
    }

    fn limits(&self) -> &TimeLimits<'_> {
        &self.limits
    }

    fn ask(&self, _deadline: &Deadline<'_>) -> Result<Option<CurrentUse>, CallError> {
        self.endpoint().current_use(self.call(QUESTION)?)
    }

    fn enter_snapshot(&self, _code: &Code) -> Result<Answer, CallError> {
        self.endpoint().change(ENTER, self.call(ENTER)?)
    }

    fn leave_snapshot(&self, _code: &Code) -> Result<Answer, CallError> {
        self.endpoint().change(LEAVE, self.call(LEAVE)?)
    }
}
