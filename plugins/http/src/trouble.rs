//! Why a call brought no answer, sorted by the one thing that matters: what is known of its
//! effect.

use dsnap_core::Reason;
use dsnap_core::method::{Entered, Left, Status};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// There is no server to ask: nothing was sent.
    Unreachable(Reason),
    /// The request is known to have had no effect, and a person must act.
    Refused(Reason),
    /// Something was sent, and what came back is not a usable answer: nothing is known. The same
    /// question may bring an answer later.
    Lost(Reason),
    /// Something was sent, and the server failed: nothing is known. A person must look at it.
    Broken(Reason),
}

impl Trouble {
    /// The words.
    pub(crate) fn refusal(self) -> Reason {
        match self {
            Self::Unreachable(reason)
            | Self::Refused(reason)
            | Self::Lost(reason)
            | Self::Broken(reason) => reason,
        }
    }
}

/// What it means for the enter that was asked for.
impl From<Trouble> for Entered {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Unreachable(refusal) => Self::Unavailable(refusal),
            Trouble::Refused(refusal) => Self::Refused(refusal),
            Trouble::Lost(refusal) | Trouble::Broken(refusal) => Self::Unknown(refusal),
        }
    }
}

/// What it means when even the code could not be asked for.
impl From<Trouble> for Left {
    fn from(trouble: Trouble) -> Self {
        match trouble.of_question() {
            (refusal, Cure::Person) => Self::Refused(refusal),
            (refusal, Cure::Time) => Self::Unavailable(refusal),
        }
    }
}

/// The same for somebody who only looks.
impl From<Trouble> for Status {
    fn from(trouble: Trouble) -> Self {
        match trouble.of_question() {
            (refusal, Cure::Person) => Self::Refused(refusal),
            (refusal, Cure::Time) => Self::Unavailable(refusal),
        }
    }
}

/// What cures a trouble.
enum Cure {
    Person,
    Time,
}

impl Trouble {
    /// A question has no effect to be unsure of: a broken answer is like none.
    fn of_question(self) -> (Reason, Cure) {
        let person = matches!(self, Self::Refused(_) | Self::Broken(_));
        (self.refusal(), if person { Cure::Person } else { Cure::Time })
    }
}
