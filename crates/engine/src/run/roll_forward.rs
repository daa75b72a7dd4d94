//! An enter that ended the server, where the server did not close the storage: a script that kills it,
//! or one that stops a server with `quick_shutdown`.
//!
//! Part of what was committed is then in `journal/` and `B/`. The method that works on the files
//! moves it into `A/` before COMMAND runs; the line that entered starts the server again at the end.

use dsnap_core::Reason;
use dsnap_core::method::WorksWith;

use crate::conf::plan::Step;
use crate::failure::Failure;
use crate::run::copy;
use crate::run::enter::Entering;
use crate::run::event::{self, Event};
use crate::run::tried::LineEnd;
use crate::storage::main_lock::Openness;
use crate::storage::snapshot_file::Content;

impl Entering<'_> {
    /// Says whether the enter by `step` may have ended the server: no process has the storage open.
    pub(crate) fn may_have_ended_server(&self, step: &Step) -> bool {
        let session = self.session;
        // The enter took a while, so an earlier trial of the lock says nothing.
        step.method.may_close() && {
            session.lock.allow_trial();
            session.openness() == Openness::Closed
        }
    }

    /// Rolls a storage forward that the enter by `ended_by` left open, with this in `misc/snapshot`.
    ///
    /// # Errors
    ///
    /// The plan has no method that works on the files, or that method failed, or the files may be
    /// torn.
    pub(crate) fn roll_forward(&self, ended_by: &Step, content: &Content) -> Result<(), Failure> {
        let mut steps = self.session.plan.steps.iter();
        let Some(step) = steps.find(|step| step.method.works_with() == WorksWith::Nobody) else {
            return Err(Failure::Permanent(not_closed(ended_by, content)));
        };
        if let Some(torn) = self.torn_copy() {
            return Err(Failure::Permanent(torn));
        }
        self.session.program.report(Event::RollsForward(step.label.clone()));
        let Some(end) = LineEnd::of(self.enter(step), &step.label) else { return Ok(()) };
        let failure = end.failure();
        let text = event::of_line(&step.label, failure.reason().text());
        Err(failure.map(|reason| reason.with_text(text)))
    }

    /// Says why the files must not be rolled forward, if this is a copy that may be torn.
    pub(crate) fn torn_copy(&self) -> Option<Reason> {
        copy::torn_copy(self.session.storage, self.run_lock, self.session.job)
    }
}

fn not_closed(ended_by: &Step, content: &Content) -> Reason {
    let location = &ended_by.location;
    let why = match content {
        Content::Shutdown => "transactions ended meanwhile that are not in A/".to_owned(),
        other => format!("misc/snapshot is {other}"),
    };
    Reason::new(format!("the server ended, but it did not close the storage: {why}"))
        .hint(format!("let the method in {location} stop the server so that it closes the storage (Zope 4 and later: with INT, not with TERM; config/settings without quick_shutdown), or add a line `direct`"))
}
