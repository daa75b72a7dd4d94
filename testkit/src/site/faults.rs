//! The scripted faults of a simulated Zope and of a simulated ZEO server.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One fault: what happens to a call and to its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call has its effect, and the answer comes this much later.
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
    /// The Zope says that its ZEO server is unavailable. No effect.
    Disconnected,
    /// The call has its effect, and the answer comes byte by byte.
    Trickle,
    /// The call has its effect, and messages that nobody asked for come without end instead.
    Flood,
    /// The call has its effect, and the answer is not a pickle.
    Garbage,
    /// The call has its effect, and the answer has a wrong authentication code.
    WrongMac,
    /// The call has its effect, and the answer has no authentication code, even after a login.
    NoMac,
    /// The server raises an exception whose words contain escape sequences. No effect.
    Escapes,
    /// As [`Fault::Refused`], from a server on Python 2.4 or older.
    OldException,
    /// As [`Fault::Refused`], from a server on Python 3.
    Python3Exception,
    /// The server says that the password is wrong.
    WrongPassword,
    /// The server says, when a client registers, that it has not authenticated.
    NotAuthenticated,
    /// The server does not know the calls, like one without the patch for DirectoryStorage. No effect.
    Unpatched,
}

impl Fault {
    /// All faults of a Zope, each with its name on command lines and its meaning.
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
            "no effect; the Zope says that its ZEO server is unavailable",
        ),
    ];

    /// The faults that only a ZEO server can have, likewise.
    pub const ONLY_OF_ZEO: [(Fault, &'static str, &'static str); 11] = [
        (Self::Trickle, "trickle", "the call has its effect; the answer comes byte by byte"),
        (Self::Flood, "flood", "the call has its effect; other messages come without end"),
        (Self::Garbage, "garbage", "the call has its effect; the answer is not a pickle"),
        (Self::WrongMac, "wrong-mac", "the call has its effect; the answer has a wrong code"),
        (Self::NoMac, "no-mac", "the call has its effect; the answer has no code after a login"),
        (Self::Escapes, "escapes", "no effect; an exception with escape sequences"),
        (Self::OldException, "old-exception", "as refused, by a server on Python 2.4"),
        (Self::Python3Exception, "py3-exception", "as refused, by a server on Python 3"),
        (Self::WrongPassword, "wrong-password", "a login fails, even with the right password"),
        (Self::NotAuthenticated, "no-login", "registering fails, even after a login"),
        (Self::Unpatched, "unpatched", "no effect; the server does not know snapshots"),
    ];

    /// Finds the fault of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().chain(&Self::ONLY_OF_ZEO);
        all.find(|(_, known, _)| *known == name).map(|(fault, ..)| *fault)
    }

    /// Tells whether a server of this kind can have the fault.
    pub fn is_of(self, server: ServerKind) -> bool {
        let only_of_zeo = Self::ONLY_OF_ZEO.iter().any(|(fault, ..)| *fault == self);
        match server {
            ServerKind::Zope => !only_of_zeo,
            ServerKind::Zeo => only_of_zeo || self.is_of_both(),
        }
    }

    fn is_of_both(self) -> bool {
        match self {
            Self::Slow(_) | Self::Silent | Self::Deaf | Self::HalfAnswer | Self::ResetBefore => {
                true
            }
            Self::ResetAfter | Self::Endless | Self::WrongStorage | Self::Refused => true,
            // A proxy, HTTP or XML is needed for the others.
            _ => false,
        }
    }

    /// Tells whether the fault can happen to this call at all.
    pub fn can_affect(self, call: Call) -> bool {
        match self {
            Self::WrongPassword => call == Call::Login,
            Self::NotAuthenticated => call == Call::Register,
            Self::WrongStorage
            | Self::Refused
            | Self::Escapes
            | Self::OldException
            | Self::Python3Exception
            | Self::Unpatched => call.is_of_snapshot(),
            _ => true,
        }
    }

    /// Tells whether the fault affects this call, if it is not limited to one.
    fn affects(self, call: Call) -> bool {
        match self {
            Self::WrongPassword | Self::NotAuthenticated => self.can_affect(call),
            _ => call.is_of_snapshot(),
        }
    }
}

/// A kind of server that can have faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKind {
    /// A Zope.
    Zope,
    /// A ZEO server.
    Zeo,
}

/// A kind of call, to which a fault can be limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `enterSnapshot`, and `enter_snapshot` of a ZEO server.
    Enter,
    /// `leaveSnapshot`, and `leave_snapshot`.
    Leave,
    /// `currentSnapshotCode`, and `get_snapshot_code`.
    Status,
    /// A ZEO server announces its version.
    Connect,
    /// `auth_response` of a ZEO server.
    Login,
    /// `register` of a ZEO server.
    Register,
}

impl Call {
    /// All calls, with their names on command lines.
    pub const ALL: [(Call, &'static str); 6] = [
        (Self::Enter, "enter"),
        (Self::Leave, "leave"),
        (Self::Status, "status"),
        (Self::Connect, "connect"),
        (Self::Login, "login"),
        (Self::Register, "register"),
    ];

    /// Finds the call of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(call, _)| *call)
    }

    /// Tells whether the call is one of the three that every server has.
    pub fn is_of_snapshot(self) -> bool {
        matches!(self, Self::Enter | Self::Leave | Self::Status)
    }
}

/// The faults that one server has now.
#[derive(Debug, Default)]
pub(super) struct ActiveFaults {
    active: Mutex<Vec<ActiveFault>>,
    /// Whether a call got a fault.
    was_met: AtomicBool,
}

#[derive(Debug)]
struct ActiveFault {
    fault: Fault,
    /// `None` means every call that the fault usually affects.
    call: Option<Call>,
    /// `None` means for good.
    times: Option<usize>,
}

impl ActiveFault {
    fn affects(&self, call: Call) -> bool {
        self.call.map_or_else(|| self.fault.affects(call), |limited| limited == call)
    }
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

    /// Tells whether a call got a fault.
    pub(super) fn was_met(&self) -> bool {
        self.was_met.load(Ordering::SeqCst)
    }

    /// Tells whether the server has this fault now, for any call.
    pub(super) fn has(&self, fault: Fault) -> bool {
        self.lock().iter().any(|active| active.fault == fault)
    }

    /// Returns the fault that this call gets, and counts it.
    pub(super) fn next_for(&self, call: Call) -> Option<Fault> {
        let mut active = self.lock();
        let at = active.iter().position(|it| it.affects(call))?;
        let fault = active[at].fault;
        self.was_met.store(true, Ordering::SeqCst);
        match &mut active[at].times {
            Some(0 | 1) => drop(active.remove(at)),
            Some(times) => *times -= 1,
            None => {}
        }
        Some(fault)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ActiveFault>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
