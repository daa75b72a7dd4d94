//! Leaving a snapshot: tried until it is confirmed, whatever happened before.
//!
//! The confirmation is that `misc/snapshot` held our code and no longer does. Where it never did (a
//! server of another storage, a storage that the enter closed), the method's own answer counts.

use std::time::{Duration, Instant};

use dsnap_core::method::{Left, Request, Status, WorksWith};
use dsnap_core::{Code, Reason, text};

use crate::conf::plan::Step;
use crate::failure::Failure;
use crate::limits;
use crate::quoting::quoted;
use crate::record::entry::Record;
use crate::record::evidence::Evidence;
use crate::record::run_lock::RunLock;
use crate::run::elsewhere::{self, Elsewhere};
use crate::run::event::{self, Event};
use crate::run::session::Session;
use crate::storage::main_lock::Openness;
use crate::storage::snapshot_file::{Content, SnapshotFile};
use crate::storage::snapshot_lock;

/// What ends a snapshot that is older than its server.
const RESTART: &str = "restart that server while no tool uses a snapshot: it was restarted during this one, and cannot leave it";

/// A snapshot that a method entered and that must be left.
///
/// [`leave`](Self::leave) is the way out. Dropping it leaves, too, for the ways out that no code
/// foresees (a panic).
#[derive(Debug)]
pub(crate) struct EnteredSnapshot<'a> {
    session: &'a Session<'a>,
    run_lock: &'a RunLock,
    origin: Origin,
    /// The line that entered it, if the conf still has it.
    step: Option<&'a Step>,
    code: Code,
    evidence: Evidence,
    progress: Progress,
}

/// The tries to leave so far.
#[derive(Debug, Default)]
struct Progress {
    /// When the first try began.
    began: Option<Instant>,
    tries: u32,
    /// Why the last try failed.
    failure: Option<Reason>,
    /// What the server of another storage told.
    elsewhere: Elsewhere,
    /// The snapshot is left or given up, or a try is in progress. No other try follows a try that panics.
    is_over: bool,
}

/// What `misc/snapshot` shows after a leave of a snapshot whose code it has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// The snapshot has ended.
    Ended,
    /// The file is empty, which says nothing.
    Nothing,
    /// The file still contains the code.
    Code,
}

impl Shown {
    pub(super) fn after_leave(file: &SnapshotFile, code: &Code) -> Self {
        match file.content {
            Content::Empty => Self::Nothing,
            _ if file.is_held_by(code) => Self::Code,
            _ => Self::Ended,
        }
    }
}

/// Which run entered a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    ThisRun,
    EarlierRun,
}

impl<'a> EnteredSnapshot<'a> {
    /// Takes over a snapshot that this run entered by `step`, and updates its record.
    pub(crate) fn of_this_run(
        session: &'a Session<'a>,
        run_lock: &'a RunLock,
        step: &'a Step,
        code: Code,
        evidence: Evidence,
    ) -> Self {
        run_lock.set_evidence(&code, &step.line, evidence);
        Self::new(session, run_lock, Origin::ThisRun, Some(step), code, evidence)
    }

    /// Takes over a snapshot that an earlier run left behind. `step` is the line that entered it, if
    /// the conf still has it.
    pub(crate) fn of_earlier_run(
        session: &'a Session<'a>,
        run_lock: &'a RunLock,
        step: Option<&'a Step>,
        code: Code,
        evidence: Evidence,
    ) -> Self {
        Self::new(session, run_lock, Origin::EarlierRun, step, code, evidence)
    }

    fn new(
        session: &'a Session<'a>,
        run_lock: &'a RunLock,
        origin: Origin,
        step: Option<&'a Step>,
        code: Code,
        evidence: Evidence,
    ) -> Self {
        let progress = Progress::default();
        Self { session, run_lock, origin, step, code, evidence, progress }
    }

    /// Adds what `misc/snapshot` shows now to what is known of the snapshot.
    pub(crate) fn observe(&mut self, file: &SnapshotFile) {
        let Some(step) = self.step else { return };
        self.evidence = self.evidence.observe(file, &self.code, step.method.may_close());
        self.run_lock.set_evidence(&self.code, &step.line, self.evidence);
    }

    /// Notes that the enter ended the server. Leaving starts it again.
    pub(crate) fn closed(&mut self) {
        let Some(step) = self.step else { return };
        self.evidence = Evidence::Closed;
        self.run_lock.set_evidence(&self.code, &step.line, self.evidence);
    }

    /// Says what is known of the snapshot.
    pub(crate) fn evidence(&self) -> Evidence {
        self.evidence
    }

    /// Leaves the snapshot and waits for the confirmation.
    ///
    /// # Errors
    ///
    /// It could not be left; the text names the storage and the code. If an earlier run entered it,
    /// also: somebody uses it.
    pub(crate) fn leave(mut self) -> Result<(), Failure> {
        self.leave_with_retries()
    }

    fn leave_with_retries(&mut self) -> Result<(), Failure> {
        loop {
            if let Some(end) = self.try_to_leave(false) {
                return end;
            }
            std::thread::sleep(self.session.job.timing.leave_pause);
        }
    }

    /// Tries once to leave. Returns how leaving ended, or `None` if it is to be tried again after a
    /// pause. `restarted` says whether another server has opened the storage while `misc/sublock` was
    /// locked: only another restart helps then, so no second try follows.
    pub(crate) fn try_to_leave(&mut self, restarted: bool) -> Option<Result<(), Failure>> {
        self.progress.began.get_or_insert_with(Instant::now);
        self.progress.is_over = true;
        let end = self.try_once(restarted && self.evidence == Evidence::Here);
        self.progress.is_over = end.is_some();
        end
    }

    fn try_once(&mut self, is_last: bool) -> Option<Result<(), Failure>> {
        if self.evidence == Evidence::Here && self.session.openness() == Openness::Closed {
            self.settle();
            self.session.program.report(Event::ServerEnded);
            return Some(Ok(()));
        }
        self.progress.tries += 1;
        let Err(failure) = self.try_lines() else {
            self.settle();
            self.report();
            return Some(Ok(()));
        };
        if is_last {
            return Some(Err(self.still_held(failure.into_reason()).into()));
        }
        let given_up = self.given_up(&failure);
        self.progress.failure = Some(failure.into_reason());
        given_up.map(Err)
    }

    /// Removes the record. If this storage's server has left the snapshot or ended, every enter
    /// under its code is over, whichever line asked for it.
    fn settle(&self) {
        let line = self.step.map(|step| step.line.as_slice());
        self.run_lock.settle(&self.code, line.filter(|_| self.evidence == Evidence::Elsewhere));
    }

    /// Says that the snapshot is left.
    fn report(&mut self) {
        let program = self.session.program;
        if self.origin == Origin::EarlierRun {
            return program.report(Event::LeftBehind(self.code.clone()));
        }
        let tries = self.progress.tries;
        if let Some(reason) = self.progress.failure.take() {
            let storage = text::path(self.session.storage.root());
            let snapshot = format!("{storage}: the snapshot user/{}", self.code);
            program.report(Event::LeaveRetried { snapshot, tries, reason });
        }
        program.report(Event::Left);
    }

    /// Returns why no other try follows; `None` if one does.
    fn given_up(&self, failure: &Failure) -> Option<Failure> {
        let elapsed = self.progress.began.map_or(Duration::ZERO, |began| began.elapsed());
        if self.origin == Origin::EarlierRun && matches!(failure, Failure::InUse(_)) {
            // Somebody uses it: that is no failure of leaving.
            return (elapsed >= limits::SUBLOCK_TIMEOUT).then(|| failure.clone());
        }
        let is_over =
            self.progress.tries >= limits::MIN_LEAVE_TRIES && elapsed >= self.retry_timeout();
        is_over.then(|| self.still_held(failure.reason().clone()).into())
    }

    /// Returns for how long leaving is retried. A snapshot of an earlier run is not lost by an
    /// error: the next run, or a person, tries again.
    fn retry_timeout(&self) -> Duration {
        if self.origin == Origin::EarlierRun {
            return Duration::ZERO;
        }
        let timeout = self.step.and_then(|step| step.timeout);
        self.session
            .job
            .timing
            .leave_retry
            .max(timeout.map_or(Duration::ZERO, |timeout| timeout * 3))
    }

    /// Leaves by the line that entered and, if that fails, by every other line that may help.
    fn try_lines(&self) -> Result<(), Failure> {
        let mut first = None;
        for step in self.step.into_iter().chain(self.others()) {
            match self.try_line(step) {
                Ok(()) => return Ok(()),
                Err(failure) => first = first.or(Some(failure)),
            }
        }
        Err(first.unwrap_or_else(|| {
            Failure::permanent(format!("no line in {} can leave it", self.session.plan.source))
        }))
    }

    /// Lists the other lines that work with a server. A storage that the enter closed is opened by
    /// its own line only. While no server has this storage open, no other one is asked.
    fn others(&self) -> impl Iterator<Item = &'a Step> {
        let may_help =
            self.evidence != Evidence::Closed && self.session.openness() != Openness::Closed;
        self.session.plan.steps.iter().filter(move |step| {
            may_help && step.method.works_with() == WorksWith::Owner && !self.entered_by(step)
        })
    }

    fn entered_by(&self, step: &Step) -> bool {
        self.step.is_some_and(|own| std::ptr::eq(own, step))
    }

    fn try_line(&self, step: &Step) -> Result<(), Failure> {
        let (label, limit, tries) = (step.label.clone(), step.leave_time(), self.progress.tries);
        self.session.program.report(Event::Leaving { label, tries, limit });
        let caller = self.session.ignoring_stop(&step.label);
        let request = Request {
            snapshot_seen: self.entered_by(step) && self.is_seen(),
            ..self.session.request(step, &self.code, &caller)
        };
        let privileges = self.session.privileges;
        let leave = || {
            let left = step.call(privileges, |method| method.leave(&request), Left::Failed);
            Failure::of_leave(left, &step.label)
        };
        let is_held = || {
            let status = step.call(privileges, |it| it.probe(&request), Status::Unavailable);
            elsewhere::is_held(&status, &self.code)
        };
        match self.evidence {
            Evidence::Here => self.confirmed_by_file(step, leave()),
            Evidence::Closed => leave(),
            // A later run cannot know whether a person has ended the snapshot meanwhile.
            Evidence::Elsewhere if self.entered_by(step) && self.origin == Origin::ThisRun => {
                self.progress.elsewhere.leave(&step.label, is_held, leave)
            }
            Evidence::Elsewhere | Evidence::Unknown if self.entered_by(step) => leave(),
            Evidence::Elsewhere | Evidence::Unknown => {
                leave().and(Err(Failure::permanent("the line that entered must confirm it")))
            }
        }
    }

    /// Says whether `misc/snapshot` shows the snapshot now. Then its enter is over, too: only an
    /// enter that was seen to be over is left.
    fn is_seen(&self) -> bool {
        let file = snapshot_lock::read_snapshot_file(self.session.storage);
        self.evidence == Evidence::Here && file.is_ok_and(|file| file.is_held_by(&self.code))
    }

    /// Checks the answer against `misc/snapshot`, which decides where it showed the code: an answer
    /// may be lost, or come from another server. Where it is empty, the line that entered is believed.
    fn confirmed_by_file(&self, step: &Step, answer: Result<(), Failure>) -> Result<(), Failure> {
        let file = snapshot_lock::read_snapshot_file(self.session.storage)?;
        let shows = match Shown::after_leave(&file, &self.code) {
            Shown::Ended => return Ok(()),
            Shown::Nothing if self.entered_by(step) => return answer,
            Shown::Nothing => "is still empty",
            Shown::Code => "still holds its code",
        };
        answer.and_then(|()| {
            Err(Failure::permanent(format!(
                "{} reports that the snapshot is left, but misc/snapshot {shows}",
                step.label
            )))
        })
    }

    fn still_held(&self, reason: Reason) -> Reason {
        let (code, why) = (&self.code, reason.text());
        if let (Evidence::Elsewhere, Some(step)) = (self.evidence, self.step) {
            let label = &step.label;
            // The message names the line itself.
            let why = why.strip_prefix(&format!("{label}: ")).unwrap_or(why);
            let what = format!(
                "the server at {label} (another storage) is still in the snapshot user/{code}: {why}"
            );
            return reason.with_text(what).hint(cure_elsewhere(code));
        }
        let storage = text::path(self.session.storage.root());
        let what = format!("{storage} is still in snapshot mode (code user/{code}): {why}");
        let reason = reason.with_text(what);
        if !self.server_was_restarted() {
            let recover = &self.session.job.recover;
            if self.run_lock.remembers(code) {
                return reason.hint(recover);
            }
            return reason.hint(format!("{recover} --code {}", quoted(code.as_str())));
        }
        // A method that works with such servers says it itself.
        let is_said = !reason.hints().is_empty() || !reason.foreign_hints().is_empty();
        if is_said { reason } else { reason.hint(RESTART) }
    }

    /// Says whether another server has opened the storage since the snapshot was entered. That server
    /// does not know the code, and the file stays as it is.
    fn server_was_restarted(&self) -> bool {
        let records = self.run_lock.records();
        let mut locks = records.iter().filter(|record| record.code == self.code);
        let changed = |record: &Record| {
            record.main_lock.is_some_and(|lock| lock.has_changed(self.session.storage))
        };
        self.evidence == Evidence::Here && locks.any(changed)
    }
}

impl Failure {
    /// Says what the answer to a leave by the line with that label means: only that somebody uses
    /// the snapshot passes by itself.
    fn of_leave(left: Left, label: &str) -> Result<(), Self> {
        let (failure, reason): (fn(Reason) -> Self, _) = match left {
            Left::Left => return Ok(()),
            Left::Busy(reason) => (Self::InUse, reason),
            Left::Unavailable(reason) | Left::Refused(reason) | Left::Failed(reason) => {
                (Self::Permanent, reason)
            }
        };
        let text = event::of_line(label, reason.text());
        Err(failure(reason.given_by(label).with_text(text)))
    }
}

/// Says what a person can do about a snapshot of another storage.
pub(crate) fn cure_elsewhere(code: &Code) -> String {
    format!(
        "restart that server, or run on its machine, DIR being its storage: dsnap --storage DIR --recover --code {code}"
    )
}

impl Drop for EnteredSnapshot<'_> {
    fn drop(&mut self) {
        if !self.progress.is_over {
            let _ = self.leave_with_retries();
        }
    }
}
