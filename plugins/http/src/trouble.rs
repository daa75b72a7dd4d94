//! Why a call brought no answer, sorted by the one thing that matters: what is known of its
//! effect.

use dsnap_core::method::{Entered, Left, Status};
use dsnap_core::{Refusal, Waiting};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nobody to ask: nothing was sent.
    Unreachable(Refusal),
    /// Known to have had no effect, and a person must act.
    Refused(Refusal),
    /// Something was sent, and what came back is no good answer: nothing is known. Whether the
    /// same question may bring one later is for the refusal to say.
    Lost(Refusal),
}

impl Trouble {
    /// The words.
    pub(crate) fn refusal(self) -> Refusal {
        match self {
            Self::Unreachable(refusal) | Self::Refused(refusal) | Self::Lost(refusal) => refusal,
        }
    }
}

/// What it means for the enter that was asked for.
impl From<Trouble> for Entered {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Unreachable(refusal) => Self::Unavailable(refusal),
            Trouble::Refused(refusal) => Self::Refused(refusal),
            Trouble::Lost(refusal) => Self::Unknown(refusal),
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
    fn of_question(self) -> (Refusal, Cure) {
        let refused = matches!(self, Self::Refused(_));
        let refusal = self.refusal();
        let person = refused || refusal.helped_by() == Waiting::Useless;
        (refusal, if person { Cure::Person } else { Cure::Time })
    }
}
