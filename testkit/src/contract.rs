//! The contract suite: does a snapshot method do what `dsnap_core::method` requires of it?
//!
//! One suite for every method: linked in, loaded, or a script. Each check gets a simulated site
//! of its own, whose storage the method may freeze and close, and compares the method's results
//! with the storage's files. A breach is one sentence that says what was seen.
//!
//! Dependencies between the modules point down this list only:
//!
//! - `with_server`, `without_server`: the checks for the two kinds of methods
//! - `obstacles`, `late_answers`: more checks of `with_server`
//! - `shared_steps`: enter or leave, and compare with the files
//! - `harness`: a site with the method under test, and the calls made to it
//! - `suite`, `call_audit`: the input, and the rules for every call
//! - `observation`, `stdout_capture`, `method_line`, `wording`, `check`: the types they share

mod call_audit;
mod check;
mod harness;
mod late_answers;
mod method_line;
mod observation;
mod obstacles;
mod shared_steps;
mod stdout_capture;
mod suite;
mod with_server;
mod without_server;
mod wording;

use std::io;
use std::sync::Arc;

use dsnap_core::method::{SnapshotMethod, WorksWith, is_name};
use dsnap_core::text;

pub use check::{Finding, Outcome};
pub use method_line::MethodLine;
pub use suite::Suite;

use call_audit::CallAudit;
use check::{CheckError, CheckResult, EnterEffect, breach};
use harness::Harness;

impl Suite<'_> {
    /// Makes every check, and passes each finding to `report` as soon as it is known.
    ///
    /// # Errors
    ///
    /// The method does not exist, it rejects the words, or the simulated site does not work.
    pub fn run(&self, report: &mut dyn FnMut(Finding)) -> io::Result<()> {
        let audit = Arc::new(CallAudit::new(self.owns_process));
        let first = Harness::build(self, &audit, None)?;
        let method = Arc::clone(&first.subject.method);
        method.check_words(&first.subject.words).map_err(io::Error::other)?;
        let name = Finding::of("the name is valid and matches the line", self.check_name(&*method));
        report(name?);
        match method.works_with() {
            WorksWith::Owner => self.run_with_server(first, &audit, report)?,
            WorksWith::Nobody => {
                drop(first);
                for (rule, check) in without_server::CHECKS {
                    let result = check(&Harness::build(self, &audit, None)?);
                    report(Finding::of(rule, result)?);
                }
            }
        }
        audit.report(report);
        Ok(())
    }

    /// Makes the check of entering, then, if that works, the others.
    fn run_with_server(
        &self,
        first: Harness,
        audit: &Arc<CallAudit>,
        report: &mut dyn FnMut(Finding),
    ) -> io::Result<()> {
        let (rule, check) = with_server::ENTER;
        let entered = check(&first);
        drop(first);
        let effect = entered.as_ref().ok().copied();
        report(Finding::of(rule, entered.map(drop))?);
        for (rule, check) in with_server::CHECKS {
            let result = self.check_after_enter(*check, audit, effect);
            report(Finding::of(rule, result)?);
        }
        Ok(())
    }

    fn check_after_enter(
        &self,
        check: fn(&Harness) -> CheckResult,
        audit: &Arc<CallAudit>,
        effect: Option<EnterEffect>,
    ) -> CheckResult {
        match effect {
            None => Err(CheckError::NotTried("enter does not work")),
            effect => check(&Harness::build(self, audit, effect)?),
        }
    }

    fn check_name(&self, method: &dyn SnapshotMethod) -> CheckResult {
        let name = method.name();
        if !is_name(name) {
            let name = text::harmless(name);
            return Err(breach(format!(
                "the name `{name}` is not valid on a line: it must be a-z, then a-z, 0-9 or _"
            )));
        }
        if name != self.line.name().to_string_lossy() {
            let on_line = text::harmless(self.line.name());
            return Err(breach(format!(
                "the method is called `{name}`, but the line says `{on_line}`"
            )));
        }
        Ok(())
    }
}
