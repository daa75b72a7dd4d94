//! One try of a run: enters snapshot mode by the first line that works, and judges the result.
//!
//! How a single method is asked is in `enter`, and what a try without success means in `tried`.

use std::time::{Duration, SystemTime};

use dsnap_core::method::{Entered, WorksWith};
use dsnap_core::{Code, Reason, text};

use crate::conf::plan::Step;
use crate::failure::{Failure, Retry};
use crate::limits;
use crate::record::evidence::Evidence;
use crate::record::run_lock::RunLock;
use crate::run::enter::Entering;
use crate::run::event::Event;
use crate::run::existing;
use crate::run::hold::FirstEnter;
use crate::run::job::NotRun;
use crate::run::leave::EnteredSnapshot;
use crate::run::session::Session;
use crate::run::snapshot::Snapshot;
use crate::run::tried::{LineEnd, Tried};
use crate::storage::freshness::{self, MethodOutcome, Verdict};
use crate::storage::main_lock::Openness;
use crate::storage::snapshot_file::{Content, SnapshotFile};
use crate::storage::snapshot_lock::{self, SnapshotLock};
use crate::storage::{Leftovers, Storage};
use crate::system::lock_holders;

/// A try under one code.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    entering: Entering<'a>,
    /// When the first try with this code began.
    began: SystemTime,
    tried: Tried<'a>,
    /// What was entered at the server of another storage and could not be left.
    not_left: Option<Reason>,
}

/// How a round over all lines ended.
enum Round<'a> {
    /// A line brought a fresh snapshot.
    Found(Box<Snapshot<'a>>),
    /// A server opened the storage meanwhile, so every line deserves another chance.
    Changed,
    /// There is nothing more to try.
    Over,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(
        session: &'a Session<'a>,
        run_lock: &'a RunLock,
        code: Code,
        began: SystemTime,
        first_enter: FirstEnter,
    ) -> Self {
        let entering = Entering::new(session, run_lock, code, first_enter);
        Self { entering, began, tried: Tried::default(), not_left: None }
    }

    /// Tries the lines in order until one brings a fresh snapshot. If none does, a clean shutdown
    /// or a snapshot that the user accepts will do.
    ///
    /// # Errors
    ///
    /// There is no snapshot to run in, or the program was asked to end. What was entered is left.
    /// If the server of another storage could not be made to leave, `not_left` says so.
    pub(crate) fn snapshot(
        mut self,
        not_left: &mut Option<Reason>,
    ) -> Result<Snapshot<'a>, NotRun> {
        let found = self.rounds().or_else(|| self.settle_pending());
        *not_left = self.not_left.take().or(not_left.take());
        match (found, self.session().program.stopped()) {
            // If the program is to end, the run leaves the snapshot before it starts COMMAND.
            (Some(snapshot), _) => Ok(snapshot),
            (None, Some(signal)) => Err(NotRun::Stopped(signal)),
            (None, None) => self.without_method().map_err(|last| self.conclude(last)),
        }
    }

    fn session(&self) -> &'a Session<'a> {
        self.entering.session
    }

    fn storage(&self) -> &'a Storage {
        self.session().storage
    }

    /// Goes through the lines, and once more if a server opened the storage meanwhile.
    fn rounds(&mut self) -> Option<Snapshot<'a>> {
        for is_last in [false, true] {
            match self.round(is_last) {
                Round::Found(snapshot) => return Some(*snapshot),
                Round::Over => return None,
                Round::Changed => self.session().lock.allow_trial(),
            }
        }
        None
    }

    fn round(&mut self, is_last: bool) -> Round<'a> {
        for step in &self.session().plan.steps {
            if self.session().program.stopped().is_some() {
                return Round::Over;
            }
            match self.try_step(step, is_last) {
                Round::Over => {}
                ended => return ended,
            }
        }
        let came_up = || lock_holders::is_held(&self.storage().lock());
        if !is_last && self.tried.passed_over() && came_up() { Round::Changed } else { Round::Over }
    }

    fn try_step(&mut self, step: &'a Step, is_last: bool) -> Round<'a> {
        if let Some(end) = self.skip_reason(step) {
            self.note(step, end);
            return Round::Over;
        }
        let result = self.entering.enter(step);
        let entered = matches!(result, Entered::Held).then_some(Evidence::Elsewhere);
        match LineEnd::of(result, &step.label) {
            Some(LineEnd::Refused(reason)) if self.server_is_stuck(step) => {
                self.note(step, LineEnd::Stuck(reason));
                Round::Over
            }
            Some(end) => {
                self.note(step, end);
                Round::Over
            }
            None => self.accept(step, entered, is_last),
        }
    }

    /// Says why a line is not even tried.
    fn skip_reason(&self, step: &Step) -> Option<LineEnd> {
        let session = self.session();
        match step.method.works_with() {
            WorksWith::Owner => match step.wrong_server.get() {
                Some(reason) => Some(LineEnd::WrongServer(reason.clone())),
                None if session.openness() == Openness::Closed => Some(LineEnd::PassedOver),
                None => None,
            },
            WorksWith::Nobody => self.entering.torn_copy().map(LineEnd::TornCopy),
        }
    }

    /// Says whether the server, which has refused, was started while another process held
    /// `misc/sublock`. It removes `misc/snapshot` otherwise, so a file that is older than the server
    /// tells that. The refusal alone does not: it may be about a password.
    fn server_is_stuck(&self, step: &Step) -> bool {
        let file = snapshot_lock::read_snapshot_file(self.storage());
        step.method.works_with() == WorksWith::Owner
            && file.is_ok_and(|file| self.session().lock.was_taken_after(&file))
    }

    fn note(&mut self, step: &'a Step, end: LineEnd) {
        self.report_failure(step, end.failure(), end.is_important());
        self.tried.note(step, end);
    }

    /// Reports why a line failed, unless an earlier try has reported the same.
    fn report_failure(&self, step: &Step, failure: Failure, important: bool) {
        let (label, reason) = (step.label.clone(), failure.into_reason());
        if step.reported.replace(Some(reason.clone())).as_ref() == Some(&reason) {
            return;
        }
        self.session().program.report(Event::LineFailed { label, reason, important });
    }

    /// Waits for an enter without an answer, once no line brought a snapshot. If it turns out to
    /// have had its effect, it counts like any other.
    fn settle_pending(&mut self) -> Option<Snapshot<'a>> {
        let step = self.tried.pending().next_back()?;
        self.session().program.report(Event::AwaitsEnter(step.label.clone()));
        match self.entering.wait_for_pending(step) {
            Some(Evidence::Unknown) => {
                let event = Event::MayStillCome(step.label.clone(), self.entering.code.clone());
                self.session().program.report(event);
                None
            }
            Some(evidence) => self.accept_late_enter(step, evidence),
            None => {
                self.tried.pending().for_each(|step| self.entering.settle(step));
                None
            }
        }
    }

    fn accept_late_enter(&mut self, step: &'a Step, evidence: Evidence) -> Option<Snapshot<'a>> {
        match self.accept(step, Some(evidence), true) {
            Round::Found(snapshot) => Some(*snapshot),
            Round::Changed | Round::Over => None,
        }
    }

    /// Reports that a method worked, and judges what it brought about. `entered` is `None` if there
    /// is nothing to leave.
    fn accept(&mut self, step: &'a Step, entered: Option<Evidence>, is_last: bool) -> Round<'a> {
        let Entering { session, run_lock, code, .. } = &self.entering;
        let entered = entered.map(|evidence| {
            EnteredSnapshot::of_this_run(session, run_lock, step, code.clone(), evidence)
        });
        session.program.report(Event::Entered(step.label.clone()));
        self.judge(step, entered, is_last)
    }

    /// Locks the snapshot if it is fresh; leaves it if not.
    fn judge(
        &mut self,
        step: &'a Step,
        mut entered: Option<EnteredSnapshot<'a>>,
        is_last: bool,
    ) -> Round<'a> {
        let failure = match self.lock_fresh(step, entered.as_mut()) {
            Ok(lock) => {
                let entered_by = Some(step.label.clone());
                // A server that has the storage open would have removed a `shutdown`.
                let was_open = lock.snapshot_file().content != Content::Shutdown;
                let snapshot = Snapshot::new(self.storage(), lock, was_open, self.began);
                return Round::Found(Box::new(Snapshot { entered, entered_by, ..snapshot }));
            }
            Err(failure) => failure,
        };
        // A storage that a server opened meanwhile, or that went on, deserves another try, once.
        let changed = !is_last && failure.retry() == Retry::MayHelp;
        let must_be_left = entered.is_some();
        if let Some(entered) = entered {
            self.leave_again(entered);
        }
        if changed {
            if must_be_left {
                self.report_failure(step, failure, false);
            }
            return Round::Changed;
        }
        self.note(step, LineEnd::NotFresh(failure));
        Round::Over
    }

    /// Leaves a snapshot that cannot be used.
    fn leave_again(&mut self, entered: EnteredSnapshot<'a>) {
        let elsewhere = entered.evidence() == Evidence::Elsewhere;
        let Err(failure) = entered.leave() else { return };
        let reason = failure.into_reason();
        self.session().program.report(Event::NotLeft(reason.clone()));
        // What this storage's server holds is left by a later try, or by a later run.
        if elsewhere {
            self.not_left.get_or_insert(reason);
        }
    }

    /// Locks `misc/sublock` and checks that the snapshot is fresh after *held* or *done*. If the
    /// enter ended the server and the server did not close the storage, recovers it first.
    ///
    /// `misc/snapshot` is read before the lock is tried, too: our own server may hold the lock, and
    /// then locking would only fail.
    fn lock_fresh(
        &self,
        step: &'a Step,
        mut entered: Option<&mut EnteredSnapshot<'a>>,
    ) -> Result<SnapshotLock<'a>, Failure> {
        let storage = self.storage();
        let (outcome, timeout) = match entered {
            Some(_) => (MethodOutcome::Held(&self.entering.code), limits::SUBLOCK_TIMEOUT),
            None => (MethodOutcome::Done, Duration::ZERO),
        };
        let mut file = snapshot_lock::read_snapshot_file(storage)?;
        if let Some(entered) = entered.as_mut()
            && self.verdict(outcome, &file)? != Verdict::Fresh
            && self.entering.may_have_ended_server(step)
        {
            entered.closed();
            self.entering.roll_forward(step, &file.content)?;
            file = snapshot_lock::read_snapshot_file(storage)?;
        }
        let mut check = |file: &SnapshotFile| {
            if let Some(entered) = entered.as_mut() {
                entered.observe(file);
            }
            match self.verdict(outcome, file)? {
                Verdict::Fresh => Ok(()),
                other => Err(self.disagreement(step, other, &file.content)),
            }
        };
        check(&file)?;
        let lock = SnapshotLock::lock(storage, timeout)?;
        check(lock.snapshot_file())?;
        Ok(lock)
    }

    fn verdict(&self, outcome: MethodOutcome<'_>, file: &SnapshotFile) -> Result<Verdict, Reason> {
        let left = match file.content {
            Content::Shutdown => self.leftovers()?,
            // They say nothing about any other content.
            _ => Leftovers::default(),
        };
        Ok(freshness::verdict(outcome, &file.content, left))
    }

    fn leftovers(&self) -> Result<Leftovers, Reason> {
        self.storage().leftovers().map_err(|error| {
            let root = text::path(self.storage().root());
            let error = text::error(&error);
            Reason::new(format!("journal/ or B/ in {root} cannot be listed: {error}"))
        })
    }

    /// Uses the storage as it is where no method worked: after a clean shutdown, or in a snapshot
    /// that the user accepts.
    fn without_method(&self) -> Result<Snapshot<'a>, Failure> {
        let openness = self.session().openness();
        let outcome = MethodOutcome::Nothing {
            files_refused: self.tried.files_refused(),
            closed: openness == Openness::Closed,
        };
        let file = snapshot_lock::read_snapshot_file(self.storage())?;
        if self.verdict(outcome, &file)? != Verdict::Fresh && self.accepted_age(&file).is_none() {
            return Err(self.why_not_usable(&file));
        }
        let lock = SnapshotLock::lock(self.storage(), Duration::ZERO)?;
        let file = lock.snapshot_file();
        let timestamp = match (self.verdict(outcome, file)?, self.accepted_age(file)) {
            (Verdict::Fresh, _) => self.began,
            (Verdict::NotFresh, Some(age)) => {
                self.session().program.report(Event::Accepted(file.content.to_string(), age));
                file.modified().map_or(self.began, |modified| modified.min(self.began))
            }
            _ => return Err(self.why_not_usable(file)),
        };
        Ok(Snapshot::new(self.storage(), lock, openness == Openness::Open, timestamp))
    }

    fn conclude(&self, last: Failure) -> NotRun {
        let file = snapshot_lock::read_snapshot_file(self.storage());
        let content = file.map(|file| file.content);
        let open = self.session().openness() == Openness::Open;
        let no_snapshot = open && content == Ok(Content::Absent);
        let not_run = self.tried.conclude(last, no_snapshot, &self.session().plan.complaints);
        if open && content == Ok(Content::Empty) { self.with_cure(not_run) } else { not_run }
    }

    /// Adds how a snapshot ends whose code only its server knows.
    fn with_cure(&self, mut not_run: NotRun) -> NotRun {
        if let NotRun::NoSnapshot { failure, .. } = &mut not_run
            && failure.retry() == Retry::WhenFree
        {
            let recover = &self.session().job.recover;
            let cure = format!("to see how that snapshot is ended if nothing uses it: {recover}");
            *failure = failure.clone().hint(cure);
        }
        not_run
    }

    /// Returns the age of an existing snapshot if the user accepts it.
    fn accepted_age(&self, file: &SnapshotFile) -> Option<Duration> {
        existing::accepted_age(self.session(), self.entering.run_lock, file)
    }

    fn why_not_usable(&self, file: &SnapshotFile) -> Failure {
        existing::why_not_usable(self.session(), self.entering.run_lock, file)
    }

    /// Explains that a method reports success and the storage shows something else.
    fn disagreement(&self, step: &Step, verdict: Verdict, content: &Content) -> Failure {
        if verdict != Verdict::WrongServer {
            return Failure::unavailable(format!(
                "the storage was closed, but then misc/snapshot was {content}: a server opened the storage meanwhile"
            ));
        }
        if *content == Content::Empty {
            return Failure::Permanent(unwritten());
        }
        let wrong_server = step.wrong_server.get_or_init(|| wrong_server(step, content));
        Failure::Permanent(wrong_server.clone())
    }
}

fn wrong_server(step: &Step, content: &Content) -> Reason {
    let location = &step.location;
    Reason::new(format!(
        "a snapshot was entered, but misc/snapshot of this storage is {content}: the line leads to the server of another storage, or its method did nothing"
    ))
    .hint(format!("correct {location}: it must lead to the server that has this storage open"))
}

/// Says that a server is in a snapshot, but could not write its code.
fn unwritten() -> Reason {
    Reason::new("a snapshot was entered, but misc/snapshot is empty: the server cannot write to it")
        .hint("make room on the file system of the storage, and look in the server's log")
}
