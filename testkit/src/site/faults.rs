//! What a simulated Zope can do wrong, on request.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call has its effect, and the answer comes so much later.
    Slow(Duration),
    /// The call has its effect, and no answer ever comes.
    Silent,
    /// Nothing happens, and no answer ever comes.
    Deaf,
    /// The call has its effect, and half of the answer comes.
    HalfAnswer,
    /// The connection is reset before the call has its effect.
    ResetBefore,
    /// The connection is reset after the call had its effect.
    ResetAfter,
    /// 401, whatever the password.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 500, without effect.
    ServerError,
    /// The call has its effect, and a proxy answers 502.
    BadGateway,
    /// A redirect to a login form.
    LoginForm,
    /// The call has its effect, and is redirected to another origin.
    Elsewhere,
    /// The call has its effect, and something else than XML comes.
    NotXml,
    /// The call has its effect, and the answer never ends.
    Endless,
    /// The server of another storage answers.
    WrongStorage,
    /// `misc/sublock` cannot be locked, the server says; nothing happens.
    Refused,
    /// The ZEO server behind this Zope is gone.
    Disconnected,
}

impl Fault {
    /// All of them, with a name and a meaning for people.
    pub const ALL: [(Fault, &'static str, &'static str); 17] = [
        (Self::Slow(Duration::from_secs(5)), "slow", "the answer comes 5 seconds late"),
        (Self::Silent, "silent", "the call has its effect, no answer comes"),
        (Self::Deaf, "ignoring_stop", "nothing happens, no answer comes"),
        (Self::HalfAnswer, "half-answer", "the call has its effect, half of the answer comes"),
        (Self::ResetBefore, "reset-before", "the connection is reset, nothing happens"),
        (Self::ResetAfter, "reset-after", "the call has its effect, the connection is reset"),
        (Self::Unauthorized, "401", "not authorised, whatever the password"),
        (Self::Forbidden, "403", "forbidden"),
        (Self::ServerError, "500", "server error, nothing happens"),
        (Self::BadGateway, "502", "the call has its effect, a proxy lost the answer"),
        (Self::LoginForm, "login-form", "redirected to a login form, nothing happens"),
        (Self::Elsewhere, "elsewhere", "the call has its effect, redirected to another origin"),
        (Self::NotXml, "not-xml", "the call has its effect, the answer is no XML"),
        (Self::Endless, "endless", "the call has its effect, the answer never ends"),
        (Self::WrongStorage, "wrong-storage", "the server of another storage answers"),
        (Self::Refused, "refused", "misc/sublock cannot be locked, says the server"),
        (Self::Disconnected, "disconnected", "the ZEO server is gone, says the Zope"),
    ];

    /// The fault of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == name).map(|(fault, ..)| *fault)
    }
}

/// Which calls a fault meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `enterSnapshot`.
    Enter,
    /// `leaveSnapshot`.
    Leave,
    /// `currentSnapshotCode`.
    Status,
}

impl Call {
    /// The call of that name: `enter`, `leave` or `status`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "enter" => Some(Self::Enter),
            "leave" => Some(Self::Leave),
            "status" => Some(Self::Status),
            _ => None,
        }
    }
}

/// The faults that are in effect at one Zope.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Vec<Planned>>);

#[derive(Debug)]
struct Planned {
    fault: Fault,
    call: Option<Call>,
    times: Option<usize>,
}

impl Faults {
    /// From now on that fault meets `call` (any, if none is given), so many times.
    pub(super) fn add(&self, fault: Fault, call: Option<Call>, times: Option<usize>) {
        self.plan().push(Planned { fault, call, times });
    }

    pub(super) fn clear(&self) {
        self.plan().clear();
    }

    /// The fault that this call meets.
    pub(super) fn meet(&self, call: Option<Call>) -> Option<Fault> {
        let mut plan = self.plan();
        let hits = |planned: &Planned| planned.call.is_none() || planned.call == call;
        let at = plan.iter().position(hits)?;
        let fault = plan[at].fault;
        match &mut plan[at].times {
            Some(0 | 1) => drop(plan.remove(at)),
            Some(times) => *times -= 1,
            None => {}
        }
        Some(fault)
    }

    fn plan(&self) -> MutexGuard<'_, Vec<Planned>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
