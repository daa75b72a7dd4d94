//! Asking a method to enter: on record before it is asked, and watched where its answer is
//! missing.

use std::cell::OnceCell;
use std::time::{Instant, SystemTime};

use crate::conf::plan::Step;
use crate::limits;
use crate::record::entry::{Record, State};
use crate::record::run_lock::OwnLock;
use crate::run::context::Context;
use crate::run::pending_enter::{self, Fate};
use crate::storage::snapshot_lock;
use crate::system::privileges;
use crate::system::process::Place;
use dsnap_core::method::{Entered, Request, WorksWith};
use dsnap_core::{Code, Refusal, text};

/// Asks methods under one code.
#[derive(Debug)]
pub(crate) struct Asking<'a> {
    context: Context<'a>,
    own: &'a OwnLock,
    code: Code,
    /// When a method, or who watches, first saw that the program is to end.
    stopped_at: OnceCell<Instant>,
}

impl<'a> Asking<'a> {
    pub(crate) fn new(context: Context<'a>, own: &'a OwnLock, code: Code) -> Self {
        Self { context, own, code, stopped_at: OnceCell::new() }
    }

    /// Calls the method; before one that can hold the storage, that is written down.
    pub(crate) fn enter(&self, step: &Step) -> Entered {
        let can_hold = step.method.works_with() == WorksWith::Owner;
        if can_hold && let Err(error) = self.own.will_ask(self.record(step)) {
            let path = text::path(self.context.storage.own_lock());
            return Entered::Refused(Refusal::new(format!(
                "{path} cannot be written, so nothing is entered: {error}"
            )));
        }
        let request = Request {
            storage: self.context.storage.root(),
            conf_folder: &self.context.plan.conf_folder,
            words: &step.words,
            code: &self.code,
            time_left: can_hold.then_some(step.timeout.unwrap_or(limits::ENTER)),
            caller: &self.context.listener(&self.stopped_at),
        };
        let entered = step.call(self.context.rights, |method| method.enter(&request));
        match &entered {
            Entered::Held | Entered::Unknown(_) => {}
            _ if can_hold => self.own.settle(&self.code, Some(&step.line)),
            _ => {}
        }
        entered
    }

    fn record(&self, step: &Step) -> Record {
        let storage = self.context.storage;
        Record {
            code: self.code.clone(),
            line: step.line.clone(),
            conf: step.place.clone(),
            state: State::Unknown,
            since: snapshot_lock::seconds(SystemTime::now()),
            place: Place::here(),
            user: privileges::effective_user(),
            command_name: self.context.job.command.clone().unwrap_or_default(),
            command: None,
            may_close: step.method.may_close(),
            storage: storage.resolved(),
            directory: storage.inode(),
            file: self.own.inode(),
        }
    }

    /// Watches an enter whose answer is missing; longer once the program is to end, because then
    /// nobody comes back to it soon.
    pub(crate) fn watch(&self, step: &Step) -> Fate {
        let settled = Instant::now() + self.context.job.settling;
        let until = || {
            if self.context.program.stopped().is_some() {
                self.stopped_at.get_or_init(Instant::now);
            }
            self.stopped_at.get().map_or(settled, |at| *at + limits::SETTLING_STOPPED)
        };
        let fate = pending_enter::watch(&self.context, &self.code, step.method.may_close(), until);
        fate.unwrap_or(Fate::Open)
    }
}
