//! Leaving a snapshot: tried until it is confirmed, whatever happened before.

use std::time::Instant;

use crate::code::Code;
use crate::context::Context;
use crate::event::Event;
use crate::guard;
use crate::limits;
use crate::method::{Left, Request, WorksWith};
use crate::plan::Step;
use crate::refusal::Refusal;
use crate::text;

/// A snapshot that a method entered and that must be left.
///
/// [`leave`](Held::leave) is the way out. Dropping it leaves, too, for the ways that nobody
/// thought of (a panic).
#[derive(Debug)]
pub struct Held<'a> {
    context: Context<'a>,
    step: &'a Step<'a>,
    code: Code,
    marked: bool,
    closed: bool,
    left: bool,
}

impl<'a> Held<'a> {
    pub(crate) fn new(context: Context<'a>, step: &'a Step<'a>, code: Code) -> Self {
        Self { context, step, code, marked: false, closed: false, left: false }
    }

    /// Notes what `misc/snapshot` is under the lock: whether it holds our code, or whether the
    /// enter itself closed the storage.
    pub(crate) fn judged(&mut self, marked: bool, closed: bool) {
        self.marked |= marked;
        self.closed |= closed;
    }

    /// Leaves the snapshot and waits for the confirmation.
    ///
    /// # Errors
    ///
    /// It could not be left; the text names the storage and the code.
    pub fn leave(mut self) -> Result<(), Refusal> {
        self.left = true;
        self.do_leave()
    }

    fn do_leave(&self) -> Result<(), Refusal> {
        if !self.closed && self.context.lock_is_free() == Some(true) {
            self.context.program.report(Event::ServerEnded);
            return Ok(());
        }
        let begin = Instant::now();
        let mut tries = 0;
        loop {
            tries += 1;
            let reason = match self.try_lines() {
                Ok(()) => {
                    self.context.program.report(Event::Left { tries });
                    return Ok(());
                }
                Err(reason) => reason,
            };
            if tries >= limits::LEAVE_TRIES && begin.elapsed() >= self.patience() {
                return Err(self.still_held(&reason));
            }
            std::thread::sleep(self.context.job.leave_pause);
        }
    }

    /// Leaves by the line that entered, and if that fails, by every other that has somebody to
    /// ask.
    fn try_lines(&self) -> Result<(), Refusal> {
        let own = std::iter::once(self.step);
        let others = self.context.plan.steps.iter().filter(|step| {
            step.method.works_with() == WorksWith::Owner && !std::ptr::eq(*step, self.step)
        });
        let mut first = None;
        for step in own.chain(others) {
            match self.try_line(step) {
                Ok(()) => return Ok(()),
                Err(reason) => first = first.or(Some(reason)),
            }
        }
        Err(first.unwrap_or_else(|| Refusal::new("no method can leave it")))
    }

    fn try_line(&self, step: &Step<'_>) -> Result<(), Refusal> {
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
            Left::Busy(reason)
            | Left::Unavailable(reason)
            | Left::Refused(reason)
            | Left::Failed(reason) => Err(reason),
        };
        if !self.marked {
            return said;
        }
        // What counts is the file: the answer may be lost, or come from another server.
        match guard::look_at_mark(self.context.storage) {
            Ok(mark) if !mark.is_held_by(&self.code) => Ok(()),
            Ok(_) => Err(said.err().unwrap_or_else(|| {
                Refusal::new(
                    "the method says that it is left, and misc/snapshot still holds the code",
                )
            })),
            Err(reason) => Err(reason),
        }
    }

    fn patience(&self) -> std::time::Duration {
        let thrice = self.step.timeout.map_or(std::time::Duration::ZERO, |timeout| timeout * 3);
        self.context.job.leaving.max(thrice)
    }

    fn still_held(&self, reason: &Refusal) -> Refusal {
        let storage = text::path(self.context.storage.root());
        let what = format!(
            "{storage} is still in snapshot mode (code user/{}): {}",
            self.code,
            reason.text()
        );
        match reason.advice() {
            Some(advice) => Refusal::new(what).hint(advice),
            None => Refusal::new(what),
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
