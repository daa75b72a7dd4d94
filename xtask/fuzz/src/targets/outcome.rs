//! Results of methods, as far as all verbs are the same.

use dsnap_core::Reason;
use dsnap_core::method::{Entered, Left, Status};

use crate::shown::{check_line, check_reason};

/// What a call ended with.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Nothing to say.
    Good,
    /// A code, for people.
    Code(String),
    Failed(Reason),
}

impl Outcome {
    pub(crate) fn of_entered(result: Entered) -> Self {
        match result {
            Entered::Held | Entered::Done => Self::Good,
            Entered::Busy(reason)
            | Entered::Unavailable(reason)
            | Entered::Refused(reason)
            | Entered::Failed(reason)
            | Entered::Unknown(reason)
            | Entered::LikelyFailed(reason) => Self::Failed(reason),
        }
    }

    pub(crate) fn of_left(result: Left) -> Self {
        match result {
            Left::Left => Self::Good,
            Left::Busy(reason)
            | Left::Unavailable(reason)
            | Left::Refused(reason)
            | Left::Failed(reason) => Self::Failed(reason),
        }
    }

    pub(crate) fn of_status(result: Status) -> Self {
        match result {
            Status::CouldEnter | Status::CannotTell => Self::Good,
            Status::Held(code) => Self::Code(String::from_utf8_lossy(&code).into_owned()),
            Status::Busy(reason) | Status::Unavailable(reason) | Status::Refused(reason) => {
                Self::Failed(reason)
            }
        }
    }
}

/// Checks that all texts of an outcome can be shown. `each` gets them, too.
pub(crate) fn check(outcome: &Outcome, each: impl Fn(&str)) {
    match outcome {
        Outcome::Good => {}
        Outcome::Code(code) => {
            check_line(code);
            each(code);
        }
        Outcome::Failed(reason) => {
            check_reason(reason);
            each(&reason.to_string());
        }
    }
}
