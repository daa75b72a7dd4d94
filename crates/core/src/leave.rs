//! Leaving a snapshot: tried until it is confirmed, whatever happened before.

use std::time::{Duration, Instant};

use crate::code::Code;
use crate::context::Context;
use crate::event::Event;
use crate::guard;
use crate::limits;
use crate::method::{Left, Request, WorksWith};
use crate::own_lock::OwnLock;
use crate::plan::Step;
use crate::record::State;
use crate::refusal::{Refusal, Waiting};
use crate::text;

/// A snapshot that a method entered and that must be left.
///
/// [`leave`](Held::leave) is the way out. Dropping it leaves, too, for the ways that nobody
/// thought of (a panic).
#[derive(Debug)]
pub struct Held<'a> {
    context: Context<'a>,
    own: &'a OwnLock,
    step: Option<&'a Step>,
    code: Code,
    marked: bool,
    closed: bool,
    found: bool,
    left: bool,
}

impl<'a> Held<'a> {
    /// A snapshot that this run entered by that line.
    pub(crate) fn entered(
        context: Context<'a>,
        own: &'a OwnLock,
        step: &'a Step,
        code: Code,
    ) -> Self {
        let (marked, closed, found, left) = (false, false, false, false);
        Self { context, own, step: Some(step), code, marked, closed, found, left }
    }

    /// A snapshot that was found, and the line that entered it, if there still is one. `closed`
    /// is whether its enter closed the storage; else `misc/snapshot` holds its code.
    pub(crate) fn found(
        context: Context<'a>,
        own: &'a OwnLock,
        step: Option<&'a Step>,
        code: Code,
        closed: bool,
    ) -> Self {
        Self { context, own, step, code, marked: !closed, closed, found: true, left: false }
    }

    /// Notes what `misc/snapshot` is under the lock: whether it holds our code, or whether the
    /// enter itself closed the storage.
    pub(crate) fn judged(&mut self, marked: bool, shut_down: bool) {
        self.marked |= marked;
        if let Some(step) = self.step
            && shut_down
            && step.method.may_close()
        {
            self.closed = true;
            self.own.became(&self.code, &step.line, State::Closed);
        }
    }

    /// Leaves the snapshot and waits for the confirmation; returns how many tries it took.
    ///
    /// # Errors
    ///
    /// It could not be left; the text names the storage and the code. Of a snapshot that was
    /// found also: somebody uses it.
    pub fn leave(mut self) -> Result<u32, Refusal> {
        self.left = true;
        self.do_leave()
    }

    fn do_leave(&self) -> Result<u32, Refusal> {
        if !self.closed && self.context.lock_is_free() == Some(true) {
            self.context.program.report(Event::ServerEnded);
            self.settle();
            return Ok(0);
        }
        let begin = Instant::now();
        let mut tries = 0;
        loop {
            tries += 1;
            let reason = match self.try_lines() {
                Ok(()) => {
                    self.settle();
                    self.report(tries);
                    return Ok(tries);
                }
                Err(reason) => reason,
            };
            let tried = begin.elapsed();
            if self.found && reason.helped_by() == Waiting::InUse {
                // Somebody uses what was found: that is no failure of leaving.
                if tried >= limits::SUBLOCK {
                    return Err(reason);
                }
            } else if tries >= limits::LEAVE_TRIES && tried >= self.patience() {
                return Err(self.still_held(reason));
            }
            std::thread::sleep(self.context.job.leave_pause);
        }
    }

    fn report(&self, tries: u32) {
        self.context.program.report(if self.found {
            Event::LeftBehind(self.code.clone())
        } else {
            Event::Left { tries }
        });
    }

    /// Nothing is held any more by the line that entered. What another line of this code may
    /// still bring about stays on record.
    fn settle(&self) {
        self.own.settle(&self.code, self.step.map(|step| step.line.as_slice()));
    }

    /// Leaves by the line that entered, and if that fails, by every other that has somebody to
    /// ask; but only where the file can confirm it, because these may ask other servers.
    fn try_lines(&self) -> Result<(), Refusal> {
        let is_own = |step: &Step| self.step.is_some_and(|own| std::ptr::eq(own, step));
        let others = self.context.plan.steps.iter().filter(|step| {
            self.marked && step.method.works_with() == WorksWith::Owner && !is_own(step)
        });
        let mut first = None;
        for step in self.step.into_iter().chain(others) {
            match self.try_line(step) {
                Ok(()) => return Ok(()),
                Err(reason) => first = first.or(Some(reason)),
            }
        }
        Err(first.unwrap_or_else(|| {
            Refusal::new(format!("no line in {} can leave it", self.context.plan.source))
        }))
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
        if !self.marked {
            return said;
        }
        // What counts is the file: the answer may be lost, or come from another server.
        match guard::look_at_mark(self.context.storage) {
            Ok(mark) if !mark.is_held_by(&self.code) => Ok(()),
            Ok(_) => Err(said.err().unwrap_or_else(|| {
                Refusal::new(format!(
                    "{} says that it is left, and misc/snapshot still holds the code",
                    step.label
                ))
            })),
            Err(reason) => Err(reason),
        }
    }

    /// For how long leaving is tried. What was found is not lost by an error: the next run, or a
    /// person, tries again.
    fn patience(&self) -> Duration {
        if self.found {
            return Duration::ZERO;
        }
        let timeout = self.step.and_then(|step| step.timeout);
        self.context.job.leaving.max(timeout.map_or(Duration::ZERO, |timeout| timeout * 3))
    }

    fn still_held(&self, reason: Refusal) -> Refusal {
        let storage = text::path(self.context.storage.root());
        let what = format!(
            "{storage} is still in snapshot mode (code user/{}): {}",
            self.code,
            reason.text()
        );
        reason.reworded(what).waiting(Waiting::Useless).hint(&self.context.job.recover)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if !self.left {
            let _ = self.do_leave();
        }
    }
}
