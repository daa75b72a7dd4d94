//! The scripted faults of a simulated Zope.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One fault: what happens to a call and to its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call has its effect, and the answer comes later by this time.
    Slow(Duration),
    /// The call has its effect, and no answer ever comes.
    Silent,
    /// The call has no effect, and no answer ever comes.
    Deaf,
    /// The call has its effect, and only half of the answer comes.
    HalfAnswer,
    /// The connection is reset before the call has its effect.
    ResetBefore,
    /// The connection is reset after the call had its effect.
    ResetAfter,
    /// 401, even with the right password. No effect.
    Unauthorized,
    /// 403. No effect.
    Forbidden,
    /// 500. No effect.
    ServerError,
    /// The call has its effect, and a proxy answers 502.
    BadGateway,
    /// A redirect to a login form. No effect.
    LoginForm,
    /// The call has its effect, and the answer redirects to another origin.
    Elsewhere,
    /// The call has its effect, and the answer is not XML.
    NotXml,
    /// The call has its effect, and the answer never ends.
    Endless,
    /// The server of another storage performs and answers the call.
    WrongStorage,
    /// The server says that it cannot lock `misc/sublock`. No effect.
    Refused,
    /// The Zope says that its ZEO server is gone. No effect.
    Disconnected,
}

impl Fault {
    /// All faults, each with its name on command lines and its meaning.
    pub const ALL: [(Fault, &'static str, &'static str); 17] = [
        (
            Self::Slow(Duration::from_secs(5)),
            "slow",
            "the call has its effect; the answer comes 5 seconds late",
        ),
        (Self::Silent, "silent", "the call has its effect; no answer comes"),
        (Self::Deaf, "deaf", "no effect; no answer comes"),
        (Self::HalfAnswer, "half-answer", "the call has its effect; half of the answer comes"),
        (Self::ResetBefore, "reset-before", "no effect; the connection is reset"),
        (Self::ResetAfter, "reset-after", "the call has its effect; the connection is reset"),
        (Self::Unauthorized, "401", "no effect; not authorised, even with the right password"),
        (Self::Forbidden, "403", "no effect; forbidden"),
        (Self::ServerError, "500", "no effect; server error"),
        (Self::BadGateway, "502", "the call has its effect; a proxy lost the answer"),
        (Self::LoginForm, "login-form", "no effect; redirected to a login form"),
        (Self::Elsewhere, "elsewhere", "the call has its effect; redirected to another origin"),
        (Self::NotXml, "not-xml", "the call has its effect; the answer is not XML"),
        (Self::Endless, "endless", "the call has its effect; the answer never ends"),
        (
            Self::WrongStorage,
            "wrong-storage",
            "the server of another storage performs and answers the call",
        ),
        (Self::Refused, "refused", "no effect; the server says that it cannot lock misc/sublock"),
        (
            Self::Disconnected,
            "disconnected",
            "no effect; the Zope says that its ZEO server is gone",
        ),
    ];

    /// Finds the fault of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == name).map(|(fault, ..)| *fault)
    }
}

/// A kind of call, to which a fault can be limited.
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
    /// Finds the call of that name: `enter`, `leave` or `status`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "enter" => Some(Self::Enter),
            "leave" => Some(Self::Leave),
            "status" => Some(Self::Status),
            _ => None,
        }
    }
}

/// The faults that one Zope has now.
#[derive(Debug, Default)]
pub(super) struct ActiveFaults(Mutex<Vec<ActiveFault>>);

#[derive(Debug)]
struct ActiveFault {
    fault: Fault,
    /// `None` means every call.
    call: Option<Call>,
    /// `None` means for good.
    times: Option<usize>,
}

impl ActiveFaults {
    /// Adds a fault for one kind of call or for all, for a number of times or for good.
    pub(super) fn add(&self, fault: Fault, call: Option<Call>, times: Option<usize>) {
        self.lock().push(ActiveFault { fault, call, times });
    }

    /// Removes all faults.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    /// Returns the fault that this call gets, and counts it.
    pub(super) fn next_for(&self, call: Call) -> Option<Fault> {
        let mut active = self.lock();
        let at = active.iter().position(|it| it.call.is_none_or(|limited| limited == call))?;
        let fault = active[at].fault;
        match &mut active[at].times {
            Some(0 | 1) => drop(active.remove(at)),
            Some(times) => *times -= 1,
            None => {}
        }
        Some(fault)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ActiveFault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
