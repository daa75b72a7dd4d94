//! Asking a method to enter: recorded before it is asked, and waited for if the answer is missing.

use std::cell::OnceCell;
use std::time::{Instant, SystemTime};

use dsnap_core::method::{Entered, Request, WorksWith};
use dsnap_core::{Code, Reason, text};

use crate::conf::plan::Step;
use crate::limits;
use crate::record::entry::Record;
use crate::record::evidence::Evidence;
use crate::record::run_lock::RunLock;
use crate::run::event::Event;
use crate::run::hold::FirstEnter;
use crate::run::pending_enter;
use crate::run::session::Session;
use crate::storage::main_lock::LockStamp;
use crate::storage::snapshot_lock;
use crate::system::process::Host;
use crate::system::users;

/// Asks methods to enter under one code.
#[derive(Debug)]
pub(crate) struct Entering<'a> {
    pub(crate) session: &'a Session<'a>,
    pub(crate) run_lock: &'a RunLock,
    pub(crate) code: Code,
    /// When the first enter under this code began.
    pub(crate) first_enter: FirstEnter,
    /// When a method, or a wait, first saw that the program was asked to end.
    stopped_at: OnceCell<Instant>,
}

impl<'a> Entering<'a> {
    pub(crate) fn new(
        session: &'a Session<'a>,
        run_lock: &'a RunLock,
        code: Code,
        first_enter: FirstEnter,
    ) -> Self {
        Self { session, run_lock, code, first_enter, stopped_at: OnceCell::new() }
    }

    /// Calls the method. What a server may come to hold is recorded before.
    pub(crate) fn enter(&self, step: &Step) -> Entered {
        let can_hold = step.method.works_with() == WorksWith::Owner;
        let earlier_may_come = self.run_lock.remembers_line(&self.code, &step.line);
        if can_hold && let Err(error) = self.run_lock.record_intent(self.record(step)) {
            let path = text::path(self.session.storage.run_lock());
            let error = text::error(&error);
            return Entered::Refused(Reason::new(format!(
                "{path} cannot be written, so nothing is entered: {error}"
            )));
        }
        let time_left = can_hold.then_some(step.timeout.unwrap_or(limits::ENTER_TIMEOUT));
        let event = Event::Asking { label: step.label.clone(), limit: time_left };
        self.session.program.report(event);
        let request = Request {
            storage: self.session.storage.root(),
            conf_folder: &self.session.plan.conf_folder,
            words: &step.words,
            code: &self.code,
            time_left,
            leave_time: step.leave_time(),
            snapshot_seen: false,
            caller: &self.session.listener(&step.label, &self.stopped_at),
        };
        let (privileges, began) = (self.session.privileges, Instant::now());
        let entered = step.call(privileges, |method| method.enter(&request), Entered::Unknown);
        if may_hold(&entered) || matches!(entered, Entered::Done) {
            self.first_enter.note(began);
        }
        if matches!(entered, Entered::Unknown(_) | Entered::LikelyFailed(_)) {
            // A server that was started while the method asked may be the one that enters.
            self.run_lock.asked(&self.code, &step.line, LockStamp::of(self.session.storage));
        }
        if can_hold && is_settled(&entered, earlier_may_come) {
            self.settle(step);
        }
        entered
    }

    /// Removes the record of this line: nothing is held by it.
    pub(crate) fn settle(&self, step: &Step) {
        self.run_lock.settle(&self.code, Some(&step.line));
    }

    fn record(&self, step: &Step) -> Record {
        let storage = self.session.storage;
        Record {
            code: self.code.clone(),
            line: step.line.clone(),
            label: step.label.clone(),
            conf: step.location.clone(),
            evidence: Evidence::Unknown,
            since: snapshot_lock::seconds(SystemTime::now()),
            main_lock: LockStamp::of(storage),
            host: Host::here(),
            user: users::effective_user(),
            command_name: self.session.job.command.clone().unwrap_or_default(),
            command: None,
            may_close: step.method.may_close(),
            storage: storage.resolved(),
            directory: storage.inode(),
            file: self.run_lock.inode(),
        }
    }

    /// Waits for an enter without an answer; longer once the program was asked to end, because then
    /// no later try comes back to it soon. `None`: it is over and had no effect.
    pub(crate) fn wait_for_pending(&self, step: &Step) -> Option<Evidence> {
        let settled = Instant::now() + self.session.job.timing.pending_enter;
        let until = || {
            if self.session.program.stopped().is_some() {
                self.stopped_at.get_or_init(Instant::now);
            }
            let after_stop = |at: &Instant| *at + limits::PENDING_ENTER_TIMEOUT_AFTER_STOP;
            self.stopped_at.get().map_or(settled, after_stop)
        };
        pending_enter::wait(self.session, &self.code, step.method.may_close(), until)
            .unwrap_or(Some(Evidence::Unknown))
    }
}

/// Says whether nothing is held after this result, and nothing may come. A result says nothing about an
/// earlier enter under the same code.
pub(super) fn is_settled(entered: &Entered, earlier_may_come: bool) -> bool {
    !may_hold(entered) && !earlier_may_come
}

/// Says whether the server holds a snapshot after this result, or may come to hold one.
fn may_hold(entered: &Entered) -> bool {
    matches!(entered, Entered::Held | Entered::Unknown(_) | Entered::LikelyFailed(_))
}
