//! What a run says while it goes: the same words for the model and for the real run.

use crate::run::event::Event;

/// Something that a run says. The model says it where it takes the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Said {
    Asking,
    LineFailed,
    Entered,
    AwaitsEnter,
    MayStillCome,
    Locked,
    Accepted,
    Command,
    Unlocked,
    Leaving,
    Left,
    LeftBehind,
    NotLeft,
    ServerEnded,
    ServerStuck,
}

impl Said {
    /// Returns what the model calls an event. `None`: the event is no step of its own. A new event does
    /// not compile until somebody decides which step of the model it is.
    pub(super) fn of(event: &Event) -> Option<Self> {
        match event {
            Event::OfStorage { event, .. } => Self::of(event),
            Event::Asking { .. } => Some(Self::Asking),
            Event::LineFailed { .. } => Some(Self::LineFailed),
            Event::Entered(_) => Some(Self::Entered),
            Event::AwaitsEnter(_) => Some(Self::AwaitsEnter),
            Event::MayStillCome(..) => Some(Self::MayStillCome),
            Event::Locked(..) => Some(Self::Locked),
            Event::Accepted(..) => Some(Self::Accepted),
            Event::Unlocked => Some(Self::Unlocked),
            Event::Leaving { .. } => Some(Self::Leaving),
            Event::Left => Some(Self::Left),
            Event::LeftBehind(_) => Some(Self::LeftBehind),
            Event::NotLeft(_) => Some(Self::NotLeft),
            Event::ServerEnded => Some(Self::ServerEnded),
            Event::ServerStuck => Some(Self::ServerStuck),
            Event::Complaint(_)
            | Event::Warning(_)
            | Event::Inherited { .. }
            | Event::LeaveRetried { .. }
            | Event::Damaged(_)
            | Event::RollsForward(_)
            | Event::Recombining(_)
            | Event::MethodSaid(..)
            | Event::MethodWarned(..)
            | Event::MethodTraced(..)
            | Event::Progress { .. } => None,
        }
    }
}
