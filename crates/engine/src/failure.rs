//! Why a step of a run failed, and what that means for retrying: the one table.
//!
//! A method says what happened by the variant of its result, and the engine by the variant of a
//! [`Failure`]. Nothing else decides whether a run waits under `-t`, nor whether it ends with 75.

use std::fmt;

use dsnap_core::Reason;

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// A person must change something first; waiting does not help.
    Permanent(Reason),
    /// Nobody answers, or the storage is not in a snapshot yet. Waiting may help.
    Unavailable(Reason),
    /// Another snapshot, pack, recombination or run is in progress. Waiting helps.
    InUse(Reason),
    /// The server is recombining. That is its own work after somebody left a snapshot, and over
    /// soon: it is waited for even without `-t`.
    Recombining(Reason),
}

/// What another try may bring. The order is that of importance: of several failures the greatest
/// decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Retry {
    /// It would fail in the same way.
    Pointless,
    /// It may succeed once somebody answers.
    MayHelp,
    /// It succeeds once the storage is no longer in use.
    WhenFree,
    /// It succeeds once the server has recombined.
    Soon,
}

impl Retry {
    /// Makes the failure for which another try may bring this.
    pub(crate) fn because(self, reason: Reason) -> Failure {
        match self {
            Self::Pointless => Failure::Permanent(reason),
            Self::MayHelp => Failure::Unavailable(reason),
            Self::WhenFree => Failure::InUse(reason),
            Self::Soon => Failure::Recombining(reason),
        }
    }
}

impl Failure {
    /// Makes an [`InUse`](Self::InUse) failure.
    pub fn in_use(text: impl Into<String>) -> Self {
        Self::InUse(Reason::new(text))
    }

    /// Makes an [`Unavailable`](Self::Unavailable) failure.
    pub fn unavailable(text: impl Into<String>) -> Self {
        Self::Unavailable(Reason::new(text))
    }

    /// Makes a [`Permanent`](Self::Permanent) failure.
    pub fn permanent(text: impl Into<String>) -> Self {
        Self::Permanent(Reason::new(text))
    }

    /// Says what another try may bring.
    pub(crate) fn retry(&self) -> Retry {
        match self {
            Self::Permanent(_) => Retry::Pointless,
            Self::Unavailable(_) => Retry::MayHelp,
            Self::InUse(_) => Retry::WhenFree,
            Self::Recombining(_) => Retry::Soon,
        }
    }

    /// Says why, in words.
    pub fn reason(&self) -> &Reason {
        match self {
            Self::Permanent(reason)
            | Self::Unavailable(reason)
            | Self::InUse(reason)
            | Self::Recombining(reason) => reason,
        }
    }

    /// Gives up what a retry may bring, and keeps the words.
    pub fn into_reason(self) -> Reason {
        match self {
            Self::Permanent(reason)
            | Self::Unavailable(reason)
            | Self::InUse(reason)
            | Self::Recombining(reason) => reason,
        }
    }

    /// Changes the words, and keeps what a retry may bring.
    #[must_use]
    pub(crate) fn map(self, change: impl FnOnce(Reason) -> Reason) -> Self {
        match self {
            Self::Permanent(reason) => Self::Permanent(change(reason)),
            Self::Unavailable(reason) => Self::Unavailable(change(reason)),
            Self::InUse(reason) => Self::InUse(change(reason)),
            Self::Recombining(reason) => Self::Recombining(change(reason)),
        }
    }

    /// Adds one line that says what to do.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        self.map(|reason| reason.hint(hint))
    }
}

/// A reason by itself: a person must act.
impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self::Permanent(reason)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason().fmt(f)
    }
}
