//! One try: forcing the storage into snapshot mode by whatever method works, and judging what
//! came of it. How one method is asked is `asking`'s part.

use std::time::{Duration, SystemTime};

use crate::conf::plan::Step;
use crate::limits;
use crate::record::run_lock::OwnLock;
use crate::run::clean_up;
use crate::run::context::Context;
use crate::run::enter::Asking;
use crate::run::event::Event;
use crate::run::job::NotRun;
use crate::run::leave::{Held, Shown};
use crate::run::pending_enter::Fate;
use crate::storage::freshness::{self, Came, Verdict};
use crate::storage::snapshot_file::{Content, Mark};
use crate::storage::snapshot_lock::{self, Environment, Guard};
use crate::storage::{Leftovers, Storage};
use crate::system::lock_holders;
use dsnap_core::method::{Entered, WorksWith};
use dsnap_core::{Code, Refusal, Waiting, text};

/// A fresh snapshot, guaranteed, and who must leave it.
#[derive(Debug)]
pub(crate) struct Snapshot<'a> {
    // Dropped in this order: nobody may take the snapshot away before the lock is gone, and a
    // server cannot take it back while the lock is held.
    pub(crate) guard: Guard<'a>,
    pub(crate) held: Option<Held<'a>>,
    timestamp: SystemTime,
}

impl Snapshot<'_> {
    /// What COMMAND is told.
    pub(crate) fn environment(&self, storage: &Storage, code: &Code) -> Environment<'_> {
        Environment {
            directory: storage.given().to_owned(),
            timestamp: snapshot_lock::seconds(self.timestamp),
            code: code.clone(),
            tid: storage.last_transaction(),
            sublock: self.guard.file(),
        }
    }
}

/// A try under one code.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    context: Context<'a>,
    own: &'a OwnLock,
    code: Code,
    began: SystemTime,
    asking: Asking<'a>,
    unknown: Vec<&'a Step>,
    tried: Vec<(&'a Step, Refusal)>,
    owner_asked: bool,
    passed_over: bool,
    files_refused: bool,
    torn: Option<Refusal>,
    second_round: bool,
    not_left: Option<Refusal>,
}

/// What the round through all lines came to, if no snapshot.
enum Round {
    /// Somebody opened the storage meanwhile: all lines deserve another chance.
    Changed,
    /// Nothing more to try.
    Over,
}

impl<'a> Attempt<'a> {
    /// A try under a code; the first one under it began at `began`.
    pub(crate) fn new(
        context: Context<'a>,
        own: &'a OwnLock,
        code: Code,
        began: SystemTime,
    ) -> Self {
        Self {
            asking: Asking::new(context, own, code.clone()),
            context,
            own,
            code,
            began,
            unknown: Vec::new(),
            tried: Vec::new(),
            owner_asked: false,
            passed_over: false,
            files_refused: false,
            torn: None,
            second_round: false,
            not_left: None,
        }
    }

    /// Tries the methods in order until one brings a fresh snapshot; if none does, a clean stop
    /// or what the user accepts is as good.
    ///
    /// # Errors
    ///
    /// Nothing did, or the program was asked to end. Whatever was entered is left; what could not
    /// be is told, and put into `not_left` if a server of another storage holds it.
    pub(crate) fn snapshot(
        mut self,
        not_left: &mut Option<Refusal>,
    ) -> Result<Snapshot<'a>, NotRun> {
        let found = match self.round() {
            Err(Round::Changed) => {
                self.second_round = true;
                self.tried.clear();
                self.context.lock.begin_anew();
                self.round()
            }
            first => first,
        };
        let found = found.or_else(|over| self.settle_unknown().ok_or(over));
        *not_left = self.not_left.take().or(not_left.take());
        match (found, self.context.program.stopped()) {
            // Where the program is to end, the run leaves it before COMMAND.
            (Ok(snapshot), _) => Ok(snapshot),
            (Err(_), Some(signal)) => Err(NotRun::Stopped(signal)),
            (Err(_), None) => self.without_method().map_err(|reason| self.not_run(reason)),
        }
    }

    fn round(&mut self) -> Result<Snapshot<'a>, Round> {
        for step in &self.context.plan.steps {
            if self.context.program.stopped().is_some() {
                return Err(Round::Over);
            }
            if let Some(snapshot) = self.try_step(step)? {
                return Ok(snapshot);
            }
        }
        let came_up = || lock_holders::is_held(&self.context.storage.lock());
        let changed = self.passed_over && !self.second_round && came_up();
        Err(if changed { Round::Changed } else { Round::Over })
    }

    fn try_step(&mut self, step: &'a Step) -> Result<Option<Snapshot<'a>>, Round> {
        if let Some(reason) = self.is_out_of_question(step) {
            self.failed(step, reason, false);
            return Ok(None);
        }
        let held = match self.asking.enter(step) {
            Entered::Held => Some(self.held(step, Shown::Nothing)),
            Entered::Done => None,
            other => {
                self.did_not_enter(step, other);
                return Ok(None);
            }
        };
        self.context.program.report(Event::Entered(step.label.clone()));
        self.judge(step, held)
    }

    /// Why a line is not even tried.
    fn is_out_of_question(&mut self, step: &Step) -> Option<Refusal> {
        match step.method.works_with() {
            WorksWith::Owner => {
                // What it was in an earlier try it is still.
                let known = step.wrong_server.get().cloned();
                if known.is_none() && self.context.lock.is_free() == Some(true) {
                    self.passed_over = true;
                    return Some(Refusal::not_to_be_had("no process has this storage open"));
                }
                self.owner_asked = true;
                known
            }
            WorksWith::Nobody => {
                self.torn = clean_up::torn_copy(self.context.storage, self.own, self.context.job);
                self.files_refused |= self.torn.is_some();
                self.torn.clone()
            }
        }
    }

    /// What became of an enter without an answer, once no line brought a snapshot: if it is
    /// over, it counts as any other.
    fn settle_unknown(&mut self) -> Option<Snapshot<'a>> {
        let step = *self.unknown.last()?;
        match self.asking.watch(step) {
            Fate::Held => self.came_after_all(step, Shown::Code),
            Fate::Closed => self.came_after_all(step, Shown::Closed),
            Fate::Gone => {
                self.unknown.iter().for_each(|step| self.own.settle(&self.code, Some(&step.line)));
                None
            }
            Fate::Open => {
                let event = Event::MayStillCome(step.label.clone(), self.code.clone());
                self.context.program.report(event);
                None
            }
        }
    }

    fn came_after_all(&mut self, step: &'a Step, shown: Shown) -> Option<Snapshot<'a>> {
        let held = self.held(step, shown);
        self.context.program.report(Event::Entered(step.label.clone()));
        self.judge(step, Some(held)).ok().flatten()
    }

    fn held(&self, step: &'a Step, shown: Shown) -> Held<'a> {
        Held::entered(self.context, self.own, step, self.code.clone(), shown)
    }

    fn did_not_enter(&mut self, step: &'a Step, entered: Entered) {
        let nobody = step.method.works_with() == WorksWith::Nobody;
        match entered {
            Entered::Busy(reason) => self.failed(step, reason.waiting(Waiting::InUse), false),
            Entered::Unavailable(reason) => {
                self.failed(step, reason.waiting(Waiting::Helps), false)
            }
            Entered::Refused(reason) => {
                self.files_refused |= nobody;
                self.failed(step, reason.waiting(Waiting::Useless), true);
            }
            Entered::Failed(reason) => {
                self.files_refused |= nobody;
                self.failed(step, reason.waiting(Waiting::Useless), true);
            }
            Entered::Unknown(reason) => {
                self.files_refused |= nobody;
                self.unknown.push(step);
                self.failed(step, reason.waiting(Waiting::Helps), true);
            }
            Entered::Held | Entered::Done => {}
        }
    }

    /// Judges what a method brought about, with `misc/sublock` locked; leaves what is not good.
    fn judge(
        &mut self,
        step: &'a Step,
        mut held: Option<Held<'a>>,
    ) -> Result<Option<Snapshot<'a>>, Round> {
        let reason = match self.lock_fresh(step, held.as_mut()) {
            Ok(guard) => {
                return Ok(Some(Snapshot { guard, held, timestamp: self.began }));
            }
            Err(reason) => reason,
        };
        // A storage that was opened or went on meanwhile deserves another try, once.
        let changed = !self.second_round && reason.helped_by() == Waiting::Helps;
        match held {
            Some(held) => {
                let elsewhere = held.is_elsewhere();
                if let Err(not_left) = held.leave() {
                    self.context.program.report(Event::NotLeft(not_left.clone()));
                    // What is held here is entered again by a later try, or found by a later run.
                    self.not_left = self.not_left.take().or(elsewhere.then_some(not_left));
                }
                self.failed(step, reason, !changed);
            }
            None if changed => {}
            None => self.failed(step, reason, true),
        }
        if changed { Err(Round::Changed) } else { Ok(None) }
    }

    /// Locks `misc/sublock` and looks whether the snapshot is fresh after *held* or *done*. It is
    /// looked at before, too: our own server may hold the lock, and then locking would only fail.
    fn lock_fresh(
        &self,
        step: &Step,
        mut held: Option<&mut Held<'a>>,
    ) -> Result<Guard<'a>, Refusal> {
        let storage = self.context.storage;
        let (came, patience) = match held {
            Some(_) => (Came::Held(&self.code), limits::SUBLOCK),
            None => (Came::Done, Duration::ZERO),
        };
        let mut look = |mark: &Mark| {
            if let Some(held) = held.as_mut() {
                held.sees(mark);
            }
            match self.verdict(came, mark)? {
                Verdict::Fresh => Ok(()),
                other => Err(self.disagreement(step, other, &mark.content)),
            }
        };
        look(&snapshot_lock::look_at_mark(storage)?)?;
        let guard = Guard::lock(storage, patience)?;
        look(guard.mark())?;
        Ok(guard)
    }

    fn verdict(&self, came: Came<'_>, mark: &Mark) -> Result<Verdict, Refusal> {
        let left = match mark.content {
            Content::Shutdown => self.leftovers()?,
            // Of no other content do they say anything.
            _ => Leftovers::default(),
        };
        Ok(freshness::verdict(came, &mark.content, left))
    }

    fn leftovers(&self) -> Result<Leftovers, Refusal> {
        self.context.storage.leftovers().map_err(|error| {
            let root = text::path(self.context.storage.root());
            Refusal::new(format!("journal/ or B/ in {root} cannot be listed: {error}"))
        })
    }

    /// Where no method worked: a clean stop is as good, and so is what the user accepts.
    fn without_method(&self) -> Result<Snapshot<'a>, Refusal> {
        let storage = self.context.storage;
        let mark = snapshot_lock::look_at_mark(storage)?;
        let came = Came::Nothing {
            files_refused: self.files_refused,
            lock_free: self.context.lock.is_free() == Some(true),
        };
        let promising = self.verdict(came, &mark)? == Verdict::Fresh || self.accepts(&mark);
        if !promising {
            return Err(self.unusable(&mark));
        }
        let guard = Guard::lock(storage, Duration::ZERO)?;
        let mark = guard.mark();
        match self.verdict(came, mark)? {
            Verdict::Fresh => Ok(Snapshot { timestamp: self.began, held: None, guard }),
            Verdict::NotFresh if self.accepts(mark) => {
                let modified = mark.modified().unwrap_or(self.began);
                let age = mark.age().unwrap_or_default();
                self.context.program.report(Event::Accepted(mark.content.to_string(), age));
                Ok(Snapshot { timestamp: modified.min(self.began), held: None, guard })
            }
            _ => Err(self.unusable(mark)),
        }
    }

    fn accepts(&self, mark: &Mark) -> bool {
        let acceptable = matches!(mark.content, Content::User(_) | Content::Shutdown);
        let young = |oldest| mark.age().is_some_and(|age| age <= oldest);
        acceptable && self.context.job.accept_existing.is_some_and(young)
    }

    /// Why the snapshot that is there, if any, cannot be used.
    fn unusable(&self, mark: &Mark) -> Refusal {
        let free = self.context.lock.is_free();
        crate::run::unusable::explain(
            self.context.storage,
            mark,
            free == Some(false),
            free == Some(true),
        )
    }

    fn failed(&mut self, step: &'a Step, reason: Refusal, important: bool) {
        let label = step.label.clone();
        self.context.program.report(Event::LineFailed { label, reason: reason.clone(), important });
        self.tried.push((step, reason));
    }

    /// All the reasons in one answer.
    fn not_run(&self, last: Refusal) -> NotRun {
        let counts = |step: &Step, reason: &Refusal| {
            // That the files are in use says nothing new where their user was asked.
            !(step.method.works_with() == WorksWith::Nobody
                && reason.helped_by() == Waiting::Helps
                && self.owner_asked)
        };
        let counted = self.tried.iter().filter(|(step, reason)| counts(step, reason));
        // Files that were refused will not become a snapshot by themselves.
        let hopeless = self.files_refused && last.helped_by() == Waiting::Helps;
        let counted = counted.map(|(_, reason)| reason).chain((!hopeless).then_some(&last));
        let mut waiting = counted.map(Refusal::helped_by).max().unwrap_or(Waiting::Useless);
        if waiting == Waiting::Helps && self.torn.is_some() {
            // Nobody will open a copy that may be torn.
            waiting = Waiting::Useless;
        }
        let decisive = |reason: &&Refusal| reason.helped_by() == waiting;
        let reasons = || self.torn.iter().chain(self.tried.iter().map(|(_, reason)| reason));
        let reason = reasons().find(decisive).unwrap_or(&last).clone();
        let tried = self.tried.iter().map(|(step, reason)| (step.label.clone(), reason.clone()));
        let tried = tried.chain([("misc/snapshot".to_owned(), last)]).collect();
        NotRun::Refused { tried, reason, waiting }
    }

    /// A method said that it worked, and the storage says something else.
    fn disagreement(&self, step: &Step, verdict: Verdict, content: &Content) -> Refusal {
        if verdict != Verdict::WrongServer {
            return Refusal::not_to_be_had(format!(
                "the storage was closed, but then misc/snapshot was {content}: somebody opened it meanwhile"
            ));
        }
        // A transaction can end while a server closes, and then lies beside its clean mark.
        let closed = *content == Content::Shutdown && step.method.may_close();
        if closed && self.context.lock.is_free() == Some(true) {
            return Refusal::not_to_be_had(
                "it closed the storage, but transactions ended meanwhile that are not in A/",
            );
        }
        let refusal = Refusal::new(format!(
            "it entered a snapshot, but misc/snapshot of this storage is {content}: it is the server of another storage"
        ))
        .hint(format!("correct {}: it must lead to the server that has this storage open", step.place));
        step.wrong_server.get_or_init(|| refusal).clone()
    }
}
