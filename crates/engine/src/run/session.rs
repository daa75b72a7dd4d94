//! What a run, a recovery and a listing share: the storage, the plan, and the program around them.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::path::Path;
use std::time::Instant;

use dsnap_core::method::{Caller, Message, Methods, Request};
use dsnap_core::{Code, Reason};

use crate::conf::plan::{Plan, Step};
use crate::limits;
use crate::run::event::Event;
use crate::run::job::{Job, NotRun, Program};
use crate::run::new_code::new_code;
use crate::storage::Storage;
use crate::storage::main_lock::{MainLock, Openness};
use crate::system::mounts;
use crate::system::privileges::Privileges;
use crate::system::process::Host;

/// A storage, the plan for it, and the program that works on it.
pub struct Session<'a> {
    /// What the program is to do.
    pub(crate) job: &'a Job,
    /// The storage.
    pub(crate) storage: &'a Storage,
    /// All methods that a line can name.
    pub(crate) methods: &'a dyn Methods,
    /// The methods to try.
    pub plan: Plan,
    /// The privileges with which everything but COMMAND is done. They are in effect already.
    pub(crate) privileges: &'a Privileges,
    /// The program around the run.
    pub(crate) program: &'a dyn Program,
    /// Tells whether a server has the storage open.
    pub(crate) lock: MainLock,
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("storage", &self.storage).finish_non_exhaustive()
    }
}

impl<'a> Session<'a> {
    /// Reads the conf lines and makes the plan. Locks and changes nothing.
    pub fn open(
        job: &'a Job,
        storage: &'a Storage,
        privileges: &'a Privileges,
        methods: &'a dyn Methods,
        program: &'a dyn Program,
    ) -> Self {
        let locks_reach = mounts::locks_reach(&storage.folders().misc);
        let stopped = || program.stopped().is_some();
        let plan = Plan::make(&job.source, storage, methods, privileges, locks_reach, &stopped);
        let lock = MainLock::of(storage, locks_reach);
        Self { job, storage, methods, plan, privileges, program, lock }
    }

    /// Opens a session that is about to use the storage: checks its folders first, and reports
    /// what is wrong with the conf.
    ///
    /// # Errors
    ///
    /// A folder is missing, or the program was asked to end.
    pub fn begin(
        job: &'a Job,
        storage: &'a Storage,
        privileges: &'a Privileges,
        methods: &'a dyn Methods,
        program: &'a dyn Program,
    ) -> Result<Self, NotRun> {
        let session = Self::open(job, storage, privileges, methods, program);
        if let Some(signal) = program.stopped() {
            return Err(NotRun::Stopped(signal));
        }
        for warning in privileges.warnings() {
            program.report(Event::Warning(warning.clone()));
        }
        for complaint in &session.plan.complaints {
            program.report(Event::Complaint(complaint.clone()));
        }
        Ok(session)
    }

    /// Checks that what a line needs on this machine can be used, with the privileges of the line.
    /// Runs nothing and asks no server.
    ///
    /// # Errors
    ///
    /// A file or program cannot be used.
    pub fn check_files(&self, step: &Step) -> Result<(), Reason> {
        let code = new_code(&Host::here().host, std::process::id());
        let caller = self.ignoring_stop(&step.label);
        let request = self.request(step, &code, &caller);
        step.call(self.privileges, |method| method.check_files(&request), Err)
    }

    /// Returns the directory of the storage, as messages name it.
    pub fn root(&self) -> &Path {
        self.storage.root()
    }

    /// Says whether a server has the storage open.
    pub(crate) fn openness(&self) -> Openness {
        self.lock.openness()
    }

    /// Makes a request for `leave` or `status` by a line, with the time for these.
    pub(crate) fn request<'b>(
        &'b self,
        step: &'b Step,
        code: &'b Code,
        caller: &'b dyn Caller,
    ) -> Request<'b> {
        Request {
            storage: self.storage.root(),
            conf_folder: &self.plan.conf_folder,
            words: &step.words,
            code,
            time_left: Some(step.leave_time()),
            leave_time: step.leave_time(),
            snapshot_seen: false,
            caller,
        }
    }

    /// Makes a caller for entering by the line with that label: it asks the method to stop once the
    /// program was asked to end, and notes in `stopped_at` when that was first seen.
    pub(crate) fn listener<'b>(
        &self,
        label: &'b str,
        stopped_at: &'b OnceCell<Instant>,
    ) -> Listener<'b>
    where
        'a: 'b,
    {
        Listener { stopped_at: Some(stopped_at), ..self.ignoring_stop(label) }
    }

    /// Makes a caller for leaving by the line with that label: it never asks the method to stop.
    pub(crate) fn ignoring_stop<'b>(&self, label: &'b str) -> Listener<'b>
    where
        'a: 'b,
    {
        let left = Cell::new(limits::MAX_CALL_OUTPUT);
        Listener {
            program: self.program,
            label,
            left,
            stopped_at: None,
            looked_at: Cell::new(None),
        }
    }
}

/// Passes on what a method says, and asks it to stop when the program was asked to end.
pub(crate) struct Listener<'a> {
    program: &'a dyn Program,
    label: &'a str,
    /// How many bytes of words may still be shown in this call, labels included.
    left: Cell<usize>,
    stopped_at: Option<&'a OnceCell<Instant>>,
    /// When the program was last asked whether to stop.
    looked_at: Cell<Option<Instant>>,
}

impl Listener<'_> {
    /// Says whether it is time to ask the program again. A method that moves files asks for each of
    /// them, and looking for signals takes a system call.
    fn may_look(&self) -> bool {
        let now = Instant::now();
        let soon = |last| now.duration_since(last) < limits::STOP_LOOK_INTERVAL;
        let may_look = !self.looked_at.get().is_some_and(soon);
        if may_look {
            self.looked_at.set(Some(now));
        }
        may_look
    }

    /// Says whether there is room for words, and takes it. Once there is not, nothing more is shown.
    fn has_room_for(&self, words: &str) -> bool {
        let needed = words.len() + self.label.len();
        let left = self.left.get().checked_sub(needed);
        self.left.set(left.unwrap_or(0));
        left.is_some()
    }
}

impl Caller for Listener<'_> {
    fn say(&self, message: Message<'_>) {
        if let Message::Words(words) | Message::Trace(words) = message
            && !self.has_room_for(words)
        {
            return;
        }
        let label = self.label.to_owned();
        self.program.report(match message {
            Message::Words(words) => Event::MethodSaid(label, words.to_owned()),
            Message::Warning(words) => Event::MethodWarned(label, words.to_owned()),
            Message::Trace(words) => Event::MethodTraced(label, words.to_owned()),
            Message::Progress { done, of, unit } => {
                Event::Progress { label, done, of, unit: unit.to_owned() }
            }
        });
    }

    fn should_stop(&self) -> bool {
        let Some(stopped_at) = self.stopped_at else { return false };
        if stopped_at.get().is_none() && self.may_look() && self.program.stopped().is_some() {
            stopped_at.get_or_init(Instant::now);
        }
        stopped_at.get().is_some()
    }
}
