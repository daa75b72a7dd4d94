//! The model's server, as the real protocol sees it: what its answers mean is decided by
//! `server::enter` and `server::leave` themselves.

use std::cell::{Cell, RefCell};
use std::path::Path;

use dsnap_core::method::{Entered, Left};
use dsnap_core::{Code, Reason};

use super::server::{self, Reply};
use super::state::{Name, State, Usage};
use crate::server::call_error::CallError;
use crate::server::current_use::CurrentUse;
use crate::server::deadline::{Deadline, TimeLimits};
use crate::server::exception::Exception;
use crate::server::{self as protocol, Answer, Server};

/// A call of a method, up to the request or from its answer on.
struct Call<'a> {
    state: RefCell<&'a mut State>,
    name: Name,
    /// What the question before the request was answered, if it was asked earlier.
    before: Cell<Option<Usage>>,
    /// The answer to the request; before it has come, the call only notes that it is sent.
    reply: Option<Reply>,
    sent: Cell<bool>,
}

/// What comes of the question.
pub(super) enum Asked<T> {
    /// It decides.
    Answered(T),
    /// The request is to be sent.
    Sent,
}

/// Asks the question before an enter.
pub(super) fn before_enter(state: &mut State, name: Name) -> Asked<Entered> {
    let call = Call::new(state, name, None, None);
    let entered = protocol::enter(&call, &name.code());
    if call.sent.get() { Asked::Sent } else { Asked::Answered(entered) }
}

/// Says what the answer to an enter means. A full disk makes the method leave again.
pub(super) fn after_enter(state: &mut State, name: Name, reply: Reply) -> Entered {
    protocol::enter(&Call::new(state, name, Some(Usage::Normal), Some(reply)), &name.code())
}

/// Asks the question before a leave.
pub(super) fn before_leave(state: &mut State, name: Name) -> Asked<Left> {
    let call = Call::new(state, name, None, None);
    let left = protocol::leave(&call, &name.code(), false);
    if call.sent.get() { Asked::Sent } else { Asked::Answered(left) }
}

/// Says what the answer to a leave means.
pub(super) fn after_leave(state: &mut State, name: Name, reply: Reply) -> Left {
    let before = Some(Usage::Snapshot(name));
    protocol::leave(&Call::new(state, name, before, Some(reply)), &name.code(), false)
}

impl<'a> Call<'a> {
    fn new(state: &'a mut State, name: Name, before: Option<Usage>, reply: Option<Reply>) -> Self {
        let (state, before) = (RefCell::new(state), Cell::new(before));
        Self { state, name, before, reply, sent: Cell::new(false) }
    }

    fn now(&self) -> Result<Option<CurrentUse>, CallError> {
        let state = self.state.borrow();
        if !state.server.up {
            return Err(CallError::Unreachable(Reason::new("nobody answers")));
        }
        Ok(current(self.before.take().unwrap_or(state.server.usage)))
    }

    fn answer(&self) -> Result<Answer, CallError> {
        let raised = |class: &str, message: String| {
            let exception = Exception { class: class.to_owned(), message };
            Ok(Answer::Raised(exception, Reason::new("it failed")))
        };
        match self.reply {
            None => {
                self.sent.set(true);
                Err(CallError::NoAnswer(Reason::new("sent")))
            }
            Some(Reply::Done) => Ok(Answer::Done),
            Some(Reply::Locked) => raised("LockError", String::new()),
            Some(Reply::Raised) => raised("DirectoryStorageError", String::new()),
            Some(Reply::InUse(usage)) => {
                raised("DirectoryStorageError", format!("already in use by '{}'", words(usage)))
            }
        }
    }
}

fn words(usage: Usage) -> String {
    match usage {
        Usage::Normal => "None".to_owned(),
        Usage::Snapshot(name) => format!("user/{}", name.code()),
        Usage::Recombining => "recombining/user/x".to_owned(),
        Usage::Packing => "packing".to_owned(),
        Usage::Startup => "startup".to_owned(),
    }
}

fn current(usage: Usage) -> Option<CurrentUse> {
    (usage != Usage::Normal).then(|| CurrentUse::parse(words(usage)))
}

impl Server for Call<'_> {
    fn shown(&self) -> &str {
        "http://server/"
    }

    fn harmless(&self, words: &str) -> String {
        words.to_owned()
    }

    fn sublock(&self) -> &Path {
        Path::new("/nonexistent")
    }

    fn limits(&self) -> &TimeLimits<'_> {
        unreachable!("the model has no clock")
    }

    fn ask(&self, _deadline: &Deadline<'_>) -> Result<Option<CurrentUse>, CallError> {
        self.now()
    }

    fn current_use(&self) -> Result<Option<CurrentUse>, CallError> {
        self.now()
    }

    fn current_use_before_enter(&self) -> Result<Option<CurrentUse>, CallError> {
        self.now()
    }

    fn enter_snapshot(&self, _code: &Code) -> Result<Answer, CallError> {
        self.answer()
    }

    fn leave_snapshot(&self, _code: &Code) -> Result<Answer, CallError> {
        match self.reply {
            // The method leaves what an enter brought about that failed.
            Some(Reply::Raised) if self.before.get().is_none() && self.is_entered() => {
                match server::leave(&mut self.state.borrow_mut(), self.name) {
                    Reply::Done => Ok(Answer::Done),
                    _ => self.answer(),
                }
            }
            _ => self.answer(),
        }
    }
}

impl Call<'_> {
    fn is_entered(&self) -> bool {
        self.state.borrow().server.usage == Usage::Snapshot(self.name)
    }
}
