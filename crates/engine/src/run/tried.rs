//! How each line of a try ended, and what follows when no line brought a fresh snapshot.
//!
//! Every line has one end. What a failed try means (its message, whether another try may help) is a
//! pure function of the list of ends, so that a table can test it.

use dsnap_core::Reason;
use dsnap_core::method::{Entered, WorksWith};

use crate::conf::plan::Step;
use crate::failure::{Failure, Retry};
use crate::run::event;
use crate::run::job::NotRun;

/// How a line ended that did not bring a fresh snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LineEnd {
    /// The line was passed over: no process has the storage open, so there is no server to ask.
    PassedOver,
    /// The line was not tried: in an earlier try its server turned out to serve another storage.
    WrongServer(Reason),
    /// The line was not tried: the storage is a copy whose files may be torn.
    TornCopy(Reason),
    /// The method reports that the storage is in use.
    Busy(Reason),
    /// The method reports that nobody answers; for a method without a server, that the storage is
    /// open.
    Unavailable(Reason),
    /// The method reports that a person must act.
    Refused(Reason),
    /// The method failed without effect, as far as is known: a record may still be kept.
    Failed(Reason),
    /// The method has no answer; the enter may still come.
    Unknown(Reason),
    /// The method reports success, but there is no fresh snapshot that can be locked.
    NotFresh(Failure),
}

impl LineEnd {
    /// Takes the end from the result of a method, whose line has that label; `None` if the method
    /// reports success.
    pub(crate) fn of(entered: Entered, label: &str) -> Option<Self> {
        let (end, reason): (fn(Reason) -> Self, _) = match entered {
            Entered::Held | Entered::Done => return None,
            Entered::Busy(reason) => (Self::Busy, reason),
            Entered::Unavailable(reason) => (Self::Unavailable, reason),
            Entered::Refused(reason) => (Self::Refused, reason),
            Entered::Failed(reason) | Entered::LikelyFailed(reason) => (Self::Failed, reason),
            Entered::Unknown(reason) => (Self::Unknown, reason),
        };
        Some(end(reason.given_by(label)))
    }

    /// Says what the end means for retrying.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::PassedOver => Failure::unavailable("no process has this storage open"),
            Self::Busy(reason) => Failure::InUse(reason.clone()),
            Self::Unavailable(reason) | Self::Unknown(reason) => {
                Failure::Unavailable(reason.clone())
            }
            Self::WrongServer(reason)
            | Self::TornCopy(reason)
            | Self::Refused(reason)
            | Self::Failed(reason) => Failure::Permanent(reason.clone()),
            Self::NotFresh(failure) => failure.clone(),
        }
    }

    /// Says whether a person has to do something about it, so that it is shown by default.
    pub(crate) fn is_important(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Failed(_) | Self::Unknown(_) | Self::NotFresh(_))
    }

    /// Says whether a method that works on the files has refused them.
    fn refuses_files(&self) -> bool {
        matches!(self, Self::TornCopy(_) | Self::Refused(_) | Self::Failed(_) | Self::Unknown(_))
    }
}

/// The lines that were tried, each with its end, in the order of the conf.
#[derive(Debug, Default)]
pub(crate) struct Tried<'a>(Vec<(&'a Step, LineEnd)>);

impl<'a> Tried<'a> {
    /// Notes how a line ended. In the second round over the lines, the new end replaces the old one.
    pub(crate) fn note(&mut self, step: &'a Step, end: LineEnd) {
        match self.0.iter_mut().find(|(known, _)| std::ptr::eq(*known, step)) {
            Some((_, known)) => *known = end,
            None => self.0.push((step, end)),
        }
    }

    /// Says whether a line was passed over for want of a server.
    pub(crate) fn passed_over(&self) -> bool {
        self.0.iter().any(|(_, end)| *end == LineEnd::PassedOver)
    }

    /// Says whether a method that works on the files has refused them.
    pub(crate) fn files_refused(&self) -> bool {
        self.without_server().any(|end| end.refuses_files())
    }

    /// Lists the lines whose enter may still come.
    pub(crate) fn pending(&self) -> impl DoubleEndedIterator<Item = &'a Step> {
        let unknown = |(_, end): &&(&Step, LineEnd)| matches!(end, LineEnd::Unknown(_));
        self.0.iter().filter(unknown).map(|(step, _)| *step)
    }

    /// Says why the try failed. `last` is what `misc/snapshot` itself says against running.
    pub(crate) fn conclude(&self, last: Failure) -> NotRun {
        let retry = self.retry(&last);
        let torn = self.torn().map(|end| end.failure().into_reason());
        let mut lines = self.0.iter().filter(|(_, end)| end.failure().retry() == retry);
        let decisive = torn.filter(|_| retry == Retry::Pointless);
        let decisive = decisive.or_else(|| lines.next().map(|(step, end)| named(step, end)));
        let failure = retry.because(decisive.unwrap_or_else(|| last.reason().clone()));
        let reason =
            |(step, end): &(&Step, LineEnd)| (step.label.clone(), end.failure().into_reason());
        let storage = ("misc/snapshot".to_owned(), last.into_reason());
        NotRun::NoSnapshot { tried: self.0.iter().map(reason).chain([storage]).collect(), failure }
    }

    /// Says what another try may bring, all lines considered.
    fn retry(&self, last: &Failure) -> Retry {
        let server_asked = self.server_asked();
        let lines = self.0.iter().map(|(step, end)| (step, end.failure().retry()));
        // If a server was asked, `direct` reporting the storage as open adds nothing.
        let adds = |(step, retry): &(&&Step, Retry)| {
            !(works_without_server(step) && *retry == Retry::MayHelp && server_asked)
        };
        // Files that were refused do not become a snapshot by waiting.
        let last = Some(last.retry()).filter(|it| !(self.files_refused() && *it == Retry::MayHelp));
        let retry = lines.filter(adds).map(|(_, retry)| retry).chain(last).max();
        match retry.unwrap_or(Retry::Pointless) {
            // Nobody opens a copy that may be torn.
            Retry::MayHelp if self.torn().is_some() => Retry::Pointless,
            retry => retry,
        }
    }

    fn torn(&self) -> Option<&LineEnd> {
        self.0.iter().map(|(_, end)| end).find(|end| matches!(end, LineEnd::TornCopy(_)))
    }

    /// Says whether a server was asked, or is known to be the wrong one.
    fn server_asked(&self) -> bool {
        let asked = |(step, end): &(&Step, LineEnd)| {
            !works_without_server(step) && *end != LineEnd::PassedOver
        };
        self.0.iter().any(asked)
    }

    fn without_server(&self) -> impl Iterator<Item = &LineEnd> {
        self.0.iter().filter(|(step, _)| works_without_server(step)).map(|(_, end)| end)
    }
}

/// Returns the reason of a line, with the label of the line if the words need a subject.
fn named(step: &Step, end: &LineEnd) -> Reason {
    let reason = end.failure().into_reason();
    if *end == LineEnd::PassedOver || works_without_server(step) {
        return reason;
    }
    let text = event::of_line(&step.label, reason.text());
    reason.with_text(text)
}

fn works_without_server(step: &Step) -> bool {
    step.method.works_with() == WorksWith::Nobody
}

#[cfg(test)]
mod tests;
