//! The program as the session of one storage sees it: if the run has several storages, every event
//! says which one it is about.

use std::time::Duration;

use dsnap_core::{Reason, text};

use crate::run::environment::Environment;
use crate::run::event::{self, Event};
use crate::run::hold::HoldLimit;
use crate::run::job::{CommandEnd, NotRun, Program};
use crate::storage::Storage;
use crate::system::process::ProcessId;

/// Passes everything on to the program. Names the storage in events, if there are several.
pub(crate) struct Reporter<'a> {
    program: &'a dyn Program,
    number: usize,
    name: Option<String>,
}

impl<'a> Reporter<'a> {
    /// Makes a reporter for each storage.
    pub(crate) fn of_each<'b>(
        storages: impl ExactSizeIterator<Item = &'b Storage>,
        program: &'a dyn Program,
    ) -> Vec<Self> {
        let are_several = storages.len() > 1;
        let name = |storage: &Storage| are_several.then(|| text::path(storage.root()));
        let numbered = storages.enumerate();
        numbered.map(|(number, it)| Self { program, number, name: name(it) }).collect()
    }

    /// Returns the place of the storage on the command line, from 0.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Names the storage in a reason, if there are several.
    pub(crate) fn name(&self, reason: Reason) -> Reason {
        match &self.name {
            Some(name) => event::reason_of_storage(name, reason),
            None => reason,
        }
    }

    /// Names the storage in each reason, if there are several.
    pub(crate) fn name_all(&self, why: NotRun) -> NotRun {
        why.map_reasons(|reason| self.name(reason))
    }
}

impl Program for Reporter<'_> {
    fn report(&self, event: Event) {
        self.program.report(match &self.name {
            Some(name) => {
                let (number, name) = (self.number, name.clone());
                Event::OfStorage { number, name, event: Box::new(event) }
            }
            None => event,
        });
    }

    fn stopped(&self) -> Option<i32> {
        self.program.stopped()
    }

    fn pause(&self, pause: Duration, left: Duration, reason: &Reason) {
        self.program.pause(pause, left, &self.name(reason.clone()));
    }

    fn sleep(&self, pause: Duration) {
        self.program.sleep(pause);
    }

    fn run_command(
        &self,
        environment: &Environment<'_>,
        limit: Option<HoldLimit>,
        began: &mut dyn FnMut(ProcessId),
    ) -> CommandEnd {
        self.program.run_command(environment, limit, began)
    }
}
