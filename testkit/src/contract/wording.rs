//! How results and times read in a breach.

use std::time::Duration;

use dsnap_core::Reason;
use dsnap_core::method::{Entered, Left, Status};
use dsnap_core::text::Harmless;

/// The result of a call.
pub(super) trait CallResult: Send + 'static {
    /// Returns the reason; `None` if this result needs none.
    fn reason(&self) -> Option<&Reason>;

    /// Describes the result for people, as in `enter returned …`.
    fn describe(&self) -> String;
}

fn with_reason(result: &str, reason: &Reason) -> String {
    format!("{result} ({})", reason.text())
}

impl CallResult for Entered {
    fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Held | Self::Done => None,
            Self::Busy(reason)
            | Self::Unavailable(reason)
            | Self::Refused(reason)
            | Self::Failed(reason)
            | Self::Unknown(reason)
            | Self::LikelyFailed(reason) => Some(reason),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Held => "held".to_owned(),
            Self::Done => "done".to_owned(),
            Self::Busy(reason) => with_reason("busy", reason),
            Self::Unavailable(reason) => with_reason("unavailable", reason),
            Self::Refused(reason) => with_reason("refused", reason),
            Self::Failed(reason) => with_reason("failed", reason),
            Self::Unknown(reason) => with_reason("unknown", reason),
            Self::LikelyFailed(reason) => with_reason("likely failed", reason),
        }
    }
}

impl CallResult for Left {
    fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Left => None,
            Self::Busy(reason)
            | Self::Unavailable(reason)
            | Self::Refused(reason)
            | Self::Failed(reason) => Some(reason),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Left => "left".to_owned(),
            Self::Busy(reason) => with_reason("busy", reason),
            Self::Unavailable(reason) => with_reason("unavailable", reason),
            Self::Refused(reason) => with_reason("refused", reason),
            Self::Failed(reason) => with_reason("failed", reason),
        }
    }
}

impl CallResult for Status {
    fn reason(&self) -> Option<&Reason> {
        match self {
            Self::CouldEnter | Self::Held(_) | Self::CannotTell => None,
            Self::Busy(reason) | Self::Unavailable(reason) | Self::Refused(reason) => Some(reason),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::CouldEnter => "could enter".to_owned(),
            Self::Held(code) => format!("held by {}", Harmless(code)),
            Self::CannotTell => "cannot tell".to_owned(),
            Self::Busy(reason) => with_reason("busy", reason),
            Self::Unavailable(reason) => with_reason("unavailable", reason),
            Self::Refused(reason) => with_reason("refused", reason),
        }
    }
}

/// Formats a time in seconds, with one digit after the point.
pub(super) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f32())
}
