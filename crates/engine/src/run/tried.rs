//! How each line of a try ended, and what follows when no line brought a fresh snapshot.
//!
//! Every line has one end. What a failed try means (its message, whether another try may help) is a
//! pure function of the list of ends, so that a table can test it.

use dsnap_core::Reason;
use dsnap_core::method::{Entered, WorksWith};

use crate::conf::plan::{Complaint, ComplaintKind, Step};
use crate::failure::{Failure, Retry};
use crate::run::event;
use crate::run::job::{NotRun, OtherReason};

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
    /// The method reports that a person must act, and its server was started while another process
    /// held `misc/sublock`: only a restart of that server helps.
    Stuck(Reason),
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
            | Self::Stuck(reason)
            | Self::Failed(reason) => Failure::Permanent(reason.clone()),
            Self::NotFresh(failure) => failure.clone(),
        }
    }

    /// Says whether a person has to do something about it, so that it is shown by default.
    pub(crate) fn is_important(&self) -> bool {
        matches!(
            self,
            Self::Refused(_)
                | Self::Stuck(_)
                | Self::Failed(_)
                | Self::Unknown(_)
                | Self::NotFresh(_)
        )
    }

    /// Says whether a method that works on the files has refused them.
    fn refuses_files(&self) -> bool {
        matches!(self, Self::TornCopy(_) | Self::Refused(_) | Self::Failed(_) | Self::Unknown(_))
    }
}

/// A line that was tried, with its end.
#[derive(Debug)]
struct TriedLine<'a> {
    step: &'a Step,
    end: LineEnd,
}

impl TriedLine<'_> {
    /// Says whether a method that works on the files says less than the storage itself: that it is
    /// open, or in use.
    fn says_less(&self, last: &Failure) -> bool {
        works_without_server(self.step)
            && match self.end {
                LineEnd::Unavailable(_) => true,
                LineEnd::Busy(_) => matches!(last, Failure::InUse(_)),
                _ => false,
            }
    }

    /// Says whether a busy server says what the storage itself says: that it is in this snapshot, or is
    /// being packed.
    fn repeats(&self, last: &Failure) -> bool {
        let LineEnd::Busy(reason) = &self.end else { return false };
        let code = last.reason().text().split('`').find(|part| part.starts_with("user/"));
        matches!(last, Failure::InUse(_)) && code.is_none_or(|code| reason.text().contains(code))
    }

    /// Returns the reason, with the label of the line if the words need a subject.
    fn named(&self) -> Reason {
        let reason = self.end.failure().into_reason();
        if works_without_server(self.step) {
            return reason;
        }
        event::reason_of_line(&self.step.label, &reason)
    }

    fn other_reason(&self) -> OtherReason {
        let reason = event::reason_of_line(&self.step.label, self.end.failure().reason());
        OtherReason { reason, reported_at: Some(event::line_level(self.end.is_important())) }
    }
}

impl OtherReason {
    fn of_complaint(complaint: &Complaint) -> Self {
        let reported_at = Some(complaint.kind.level());
        Self { reason: complaint.reason.clone(), reported_at }
    }
}

/// The lines that were tried, in the order of the conf.
#[derive(Debug, Default)]
pub(crate) struct Tried<'a>(Vec<TriedLine<'a>>);

impl<'a> Tried<'a> {
    /// Notes how a line ended. In the second round over the lines, the new end replaces the old one.
    pub(crate) fn note(&mut self, step: &'a Step, end: LineEnd) {
        match self.0.iter_mut().find(|line| std::ptr::eq(line.step, step)) {
            Some(line) => line.end = end,
            None => self.0.push(TriedLine { step, end }),
        }
    }

    /// Says whether a line was passed over for want of a server.
    pub(crate) fn passed_over(&self) -> bool {
        self.0.iter().any(|line| line.end == LineEnd::PassedOver)
    }

    /// Says whether a method that works on the files has refused them.
    pub(crate) fn files_refused(&self) -> bool {
        self.without_server().any(|end| end.refuses_files())
    }

    /// Lists the lines whose enter may still come.
    pub(crate) fn pending(&self) -> impl DoubleEndedIterator<Item = &'a Step> {
        let unknown = |line: &&TriedLine<'_>| matches!(line.end, LineEnd::Unknown(_));
        self.0.iter().filter(unknown).map(|line| line.step)
    }

    /// Says why the try failed. `last` is what `misc/snapshot` itself says against running, and
    /// `complaints` are those about the conf. `no_snapshot` says that a server has the storage open
    /// and `misc/snapshot` is absent: if that server is busy, it is recombining.
    pub(crate) fn conclude(
        &self,
        last: Failure,
        no_snapshot: bool,
        complaints: &[Complaint],
    ) -> NotRun {
        let retry = self.retry(&last);
        let decisive = self.decisive(retry, &last);
        let reason = decisive.map_or_else(|| last.reason().clone(), |line| line.named());
        // What ends soon has nothing to do with the conf.
        let complaints = if retry == Retry::WhenFree { &[] } else { complaints };
        let cause = if decisive.is_none() { self.cause_in_conf(complaints) } else { None };
        let of_conf = complaints
            .iter()
            .filter(|complaint| cause.is_none_or(|cause| cause != *complaint))
            .filter(|complaint| decisive.is_none() || complaint.kind != ComplaintKind::NoDefault)
            .map(OtherReason::of_complaint);
        let is_decisive = |line: &TriedLine<'_>| decisive.is_some_and(|it| std::ptr::eq(it, line));
        let told = |line: &&TriedLine<'_>| {
            !is_decisive(line) && !line.says_less(&last) && !line.repeats(&last)
        };
        let of_lines: Vec<_> = self.0.iter().filter(told).map(TriedLine::other_reason).collect();
        // Where a line decides, what helps is known, and the storage's state is not a reason.
        let of_storage =
            cause.map(|_| OtherReason { reason: last.into_reason(), reported_at: None });
        let others = of_conf.chain(of_lines).chain(of_storage);
        let retry = if no_snapshot && self.is_server_busy() { Retry::Soon } else { retry };
        NotRun::NoSnapshot {
            others: others.collect(),
            tells_state: decisive.is_none(),
            cause: cause.map(|complaint| Box::new(complaint.reason.clone())),
            failure: retry.because(reason),
        }
    }

    /// Finds the line that decides; `None` if `misc/snapshot` itself does.
    fn decisive(&self, retry: Retry, last: &Failure) -> Option<&TriedLine<'a>> {
        if let Some(stuck) = self.stuck() {
            return Some(stuck);
        }
        if retry == Retry::Pointless
            && let Some(torn) = self.torn()
        {
            return Some(torn);
        }
        // It says since when the storage is in use, and who uses it. A busy server says less.
        if retry == Retry::WhenFree && last.retry() == retry {
            return None;
        }
        // What the storage says tells more than that no server, or some server, has it open.
        let tells_more =
            |line: &&TriedLine<'_>| line.end != LineEnd::PassedOver && !line.says_less(last);
        self.0.iter().filter(tells_more).find(|line| line.end.failure().retry() == retry)
    }

    /// Finds the first thing that is wrong with a conf in which no line asks a server.
    fn cause_in_conf<'b>(&self, complaints: &'b [Complaint]) -> Option<&'b Complaint> {
        let asks_server = self.0.iter().any(|line| !works_without_server(line.step));
        let mut wrong = complaints.iter().filter(|it| it.kind != ComplaintKind::NoDefault);
        wrong.next().filter(|_| !asks_server)
    }

    /// Says what another try may bring, all lines considered.
    fn retry(&self, last: &Failure) -> Retry {
        if self.stuck().is_some() {
            return Retry::Pointless;
        }
        let server_asked = self.server_asked();
        let lines = self.0.iter().map(|line| (line.step, line.end.failure().retry()));
        // If a server was asked, `direct` reporting the storage as open adds nothing.
        let adds = |(step, retry): &(&Step, Retry)| {
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

    /// Returns the line of a server that was started while `misc/sublock` was held: that decides,
    /// whatever `misc/snapshot` holds.
    fn stuck(&self) -> Option<&TriedLine<'a>> {
        self.0.iter().find(|line| matches!(line.end, LineEnd::Stuck(_)))
    }

    fn is_server_busy(&self) -> bool {
        let busy = |line: &TriedLine<'_>| {
            !works_without_server(line.step) && matches!(line.end, LineEnd::Busy(_))
        };
        self.0.iter().any(busy)
    }

    fn torn(&self) -> Option<&TriedLine<'a>> {
        self.0.iter().find(|line| matches!(line.end, LineEnd::TornCopy(_)))
    }

    /// Says whether a server was asked, or is known to be the wrong one.
    fn server_asked(&self) -> bool {
        let asked = |line: &TriedLine<'_>| {
            !works_without_server(line.step) && line.end != LineEnd::PassedOver
        };
        self.0.iter().any(asked)
    }

    fn without_server(&self) -> impl Iterator<Item = &LineEnd> {
        self.0.iter().filter(|line| works_without_server(line.step)).map(|line| &line.end)
    }
}

fn works_without_server(step: &Step) -> bool {
    step.method.works_with() == WorksWith::Nobody
}

#[cfg(test)]
mod tests;
