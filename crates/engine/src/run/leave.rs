//! Leaving a snapshot: tried until it is confirmed, whatever happened before.
//!
//! What confirms it: `misc/snapshot` held our code and no longer does; where it never did (a
//! server of another storage, a storage that the enter closed), the method's own answer.

use std::time::{Duration, Instant};

use crate::conf::plan::Step;
use crate::limits;
use crate::record::entry::State;
use crate::record::run_lock::OwnLock;
use crate::run::context::Context;
use crate::run::event::Event;
use crate::storage::snapshot_file::{Content, Mark};
use crate::storage::snapshot_lock;
use dsnap_core::method::{Left, Request, WorksWith};
use dsnap_core::{Code, Refusal, Waiting, text};

/// A snapshot that a method entered and that must be left.
///
/// [`leave`](Held::leave) is the way out. Dropping it leaves, too, for the ways that nobody
/// thought of (a panic).
#[derive(Debug)]
pub(crate) struct Held<'a> {
    context: Context<'a>,
    own: &'a OwnLock,
    origin: Origin,
    step: Option<&'a Step>,
    code: Code,
    shown: Shown,
    left: bool,
}

/// Who entered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// This run.
    Entered,
    /// An earlier one.
    Found,
}

/// What `misc/snapshot` of this storage has shown of it so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Nothing: as far as can be told, another storage's server holds it.
    Nothing,
    /// Its code: this storage's server holds it.
    Code,
    /// `shutdown`: its enter closed the storage, and leaving means to open it again.
    Closed,
}

impl<'a> Held<'a> {
    /// A snapshot that this run entered by that line: from now on its record says so.
    pub(crate) fn entered(
        context: Context<'a>,
        own: &'a OwnLock,
        step: &'a Step,
        code: Code,
        shown: Shown,
    ) -> Self {
        let state = if shown == Shown::Closed { State::Closed } else { State::Held };
        own.became(&code, &step.line, state);
        let origin = Origin::Entered;
        Self { context, own, origin, step: Some(step), code, shown, left: false }
    }

    /// A snapshot that was found, and the line that entered it, if there still is one.
    pub(crate) fn found(
        context: Context<'a>,
        own: &'a OwnLock,
        step: Option<&'a Step>,
        code: Code,
        shown: Shown,
    ) -> Self {
        Self { context, own, origin: Origin::Found, step, code, shown, left: false }
    }

    /// Notes what `misc/snapshot` shows of it, under the lock or not: what was seen once is
    /// known for good.
    pub(crate) fn sees(&mut self, mark: &Mark) {
        let Some(step) = self.step else { return };
        let closed = mark.content == Content::Shutdown && step.method.may_close();
        if mark.is_held_by(&self.code) {
            self.shown = Shown::Code;
        } else if self.shown == Shown::Nothing && closed {
            self.shown = Shown::Closed;
        }
        self.own.became(&self.code, &step.line, self.shown.state());
    }

    /// Whether a server of another storage holds it, as far as can be told.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.shown == Shown::Nothing
    }

    /// Leaves the snapshot and waits for the confirmation.
    ///
    /// # Errors
    ///
    /// It could not be left; the text names the storage and the code. Of a snapshot that was
    /// found also: somebody uses it.
    pub(crate) fn leave(mut self) -> Result<(), Refusal> {
        self.left = true;
        self.do_leave()
    }

    fn do_leave(&self) -> Result<(), Refusal> {
        let begin = Instant::now();
        let mut tries = 0;
        loop {
            if self.shown == Shown::Code && self.context.lock.is_free() == Some(true) {
                self.settle();
                self.context.program.report(Event::ServerEnded);
                return Ok(());
            }
            tries += 1;
            let Err(reason) = self.try_lines() else {
                self.settle();
                self.report(tries);
                return Ok(());
            };
            self.may_try_again(tries, begin.elapsed(), reason)?;
            std::thread::sleep(self.context.job.leave_pause);
        }
    }

    /// Nothing is held any more. Where this storage's server let go of the snapshot, or ended,
    /// every enter under its code is over, whichever line asked for it.
    fn settle(&self) {
        let line = self.step.map(|step| step.line.as_slice());
        self.own.settle(&self.code, line.filter(|_| self.shown == Shown::Nothing));
    }

    fn report(&self, tries: u32) {
        self.context.program.report(match self.origin {
            Origin::Entered => Event::Left { tries },
            Origin::Found => Event::LeftBehind(self.code.clone()),
        });
    }

    fn may_try_again(&self, tries: u32, tried: Duration, reason: Refusal) -> Result<(), Refusal> {
        if self.origin == Origin::Found && reason.helped_by() == Waiting::InUse {
            // Somebody uses what was found: that is no failure of leaving.
            return if tried < limits::SUBLOCK { Ok(()) } else { Err(reason) };
        }
        let enough = tries >= limits::LEAVE_TRIES && tried >= self.patience();
        if enough { Err(self.still_held(reason)) } else { Ok(()) }
    }

    /// For how long leaving is tried. What was found is not lost by an error: the next run, or a
    /// person, tries again.
    fn patience(&self) -> Duration {
        if self.origin == Origin::Found {
            return Duration::ZERO;
        }
        let timeout = self.step.and_then(|step| step.timeout);
        self.context.job.leaving.max(timeout.map_or(Duration::ZERO, |timeout| timeout * 3))
    }

    /// Leaves by the line that entered, and if that fails, by every other that may help.
    fn try_lines(&self) -> Result<(), Refusal> {
        let mut first = None;
        for step in self.step.into_iter().chain(self.others()) {
            match self.try_line(step) {
                Ok(()) => return Ok(()),
                Err(reason) => first = first.or(Some(reason)),
            }
        }
        Err(first.unwrap_or_else(|| {
            Refusal::new(format!("no line in {} can leave it", self.context.plan.source))
        }))
    }

    /// The other lines that have somebody to ask. What an enter closed is opened by its own line
    /// only, and while nobody has this storage open, nobody is asked who was not asked before.
    fn others(&self) -> impl Iterator<Item = &'a Step> {
        let may_help = self.shown != Shown::Closed && self.context.lock.is_free() != Some(true);
        self.context.plan.steps.iter().filter(move |step| {
            may_help && step.method.works_with() == WorksWith::Owner && !self.is_own(step)
        })
    }

    fn is_own(&self, step: &Step) -> bool {
        self.step.is_some_and(|own| std::ptr::eq(own, step))
    }

    fn try_line(&self, step: &Step) -> Result<(), Refusal> {
        let request = Request {
            storage: self.context.storage.root(),
            conf_folder: &self.context.plan.conf_folder,
            words: &step.words,
            code: &self.code,
            time_left: Some(step.timeout.unwrap_or(limits::LEAVE)),
            caller: &self.context.deaf(),
        };
        let said = match step.call(self.context.rights, |method| method.leave(&request)) {
            Left::Left => Ok(()),
            Left::Busy(reason) => Err(reason.waiting(Waiting::InUse)),
            Left::Unavailable(reason) | Left::Refused(reason) | Left::Failed(reason) => {
                Err(reason.waiting(Waiting::Useless))
            }
        };
        match self.shown {
            Shown::Code => self.confirmed_by_file(step, said),
            Shown::Nothing if !self.is_own(step) => {
                said.and(Err(Refusal::new("the line that entered must confirm it")))
            }
            Shown::Nothing | Shown::Closed => said,
        }
    }

    /// Where the code was seen, the file counts: an answer may be lost, or come from another
    /// server.
    fn confirmed_by_file(&self, step: &Step, said: Result<(), Refusal>) -> Result<(), Refusal> {
        if !snapshot_lock::look_at_mark(self.context.storage)?.is_held_by(&self.code) {
            return Ok(());
        }
        said.and_then(|()| {
            Err(Refusal::new(format!(
                "{} says that it is left, and misc/snapshot still holds the code",
                step.label
            )))
        })
    }

    fn still_held(&self, reason: Refusal) -> Refusal {
        let (code, why) = (&self.code, reason.text());
        if let (Shown::Nothing, Some(step)) = (self.shown, self.step) {
            let label = &step.label;
            let what = format!(
                "the server at {label} (another storage) is still in the snapshot user/{code}: {why}"
            );
            return reason.reworded(what).waiting(Waiting::Useless).hint(cure_elsewhere(code));
        }
        let storage = text::path(self.context.storage.root());
        let what = format!("{storage} is still in snapshot mode (code user/{code}): {why}");
        let refusal = reason.reworded(what).waiting(Waiting::Useless);
        if self.server_was_restarted() {
            // Asking again is no use: only another restart ends it.
            return refusal;
        }
        refusal.hint(&self.context.job.recover)
    }

    /// Whether another server has opened the storage since the code was written: it does not
    /// know the code, and the file stays as it is.
    fn server_was_restarted(&self) -> bool {
        let entered =
            snapshot_lock::look_at_mark(self.context.storage).ok().and_then(|it| it.modified());
        self.shown == Shown::Code && entered.is_some() && self.context.lock.taken() > entered
    }
}

/// What a person can do about a snapshot of another storage.
pub(crate) fn cure_elsewhere(code: &Code) -> String {
    format!(
        "restart that server, or run on its machine, DIR being its storage: dsnap --storage DIR --recover --code {code}"
    )
}

impl Shown {
    /// What a record says of it.
    fn state(self) -> State {
        match self {
            Self::Nothing => State::Elsewhere,
            Self::Code => State::Held,
            Self::Closed => State::Closed,
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if !self.left {
            let _ = self.do_leave();
        }
    }
}
