//! What every part of a try works with, and who listens to a method.

use std::cell::OnceCell;
use std::fmt;
use std::time::Instant;

use crate::conf::plan::Plan;
use crate::run::event::Event;
use crate::run::job::{Job, Program};
use crate::storage::Storage;
use crate::storage::main_lock::MainLock;
use crate::system::privileges::Rights;
use dsnap_core::method::{Caller, Said};

/// What every part of a try works with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// What the run is to do.
    pub job: &'a Job,
    /// The storage.
    pub storage: &'a Storage,
    /// The methods to try.
    pub plan: &'a Plan,
    /// With whose rights things are done.
    pub rights: &'a Rights,
    /// The program around the run.
    pub program: &'a dyn Program,
    /// Whether anybody has the storage open.
    pub lock: &'a MainLock,
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("storage", &self.storage).finish_non_exhaustive()
    }
}

impl<'a> Context<'a> {
    /// A caller that asks a method to stop when the program is to end, and notes when that was
    /// first seen: for entering.
    pub(crate) fn listener<'b>(&self, stopped_at: &'b OnceCell<Instant>) -> Listener<'b>
    where
        'a: 'b,
    {
        Listener { program: self.program, stopped_at: Some(stopped_at) }
    }

    /// A caller that never asks a method to stop: for leaving.
    pub(crate) fn deaf(&self) -> Listener<'a> {
        Listener { program: self.program, stopped_at: None }
    }
}

/// Passes on what a method says, and asks it to stop when the program is asked to.
pub(crate) struct Listener<'a> {
    program: &'a dyn Program,
    stopped_at: Option<&'a OnceCell<Instant>>,
}

impl Caller for Listener<'_> {
    fn say(&self, said: Said<'_>) {
        self.program.report(match said {
            Said::Words(words) => Event::MethodSaid(words.to_owned()),
            Said::Progress { done, of, unit } => Event::Progress(done, of, unit.to_owned()),
        });
    }

    fn shall_stop(&self) -> bool {
        let Some(stopped_at) = self.stopped_at else { return false };
        let stopped = self.program.stopped().is_some();
        if stopped {
            stopped_at.get_or_init(Instant::now);
        }
        stopped
    }
}
