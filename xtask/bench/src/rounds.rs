//! The rounds of a case: each program once, then again.

use std::path::Path;

use anyhow::{Context, Result};

use crate::results::{CaseResult, Measured};
use crate::subject::Case;

/// Where the stopwatch and temporary files are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup<'a> {
    pub(crate) stopwatch: &'a Path,
    pub(crate) scratch: &'a Path,
    pub(crate) rounds: Option<usize>,
}

impl Setup<'_> {
    /// Measures a case.
    ///
    /// Each round begins with another program, so that none always runs right after the same one.
    pub(crate) fn measure(self, mut case: Case<'_>) -> Result<CaseResult> {
        let mut programs: Vec<_> =
            case.subjects.iter().map(|it| Measured::new(it.name, Vec::new(), None)).collect();
        if case.counts_calls {
            self.count_calls(&mut case, &mut programs)?;
        }
        let (count, rounds) = (programs.len(), self.rounds.unwrap_or(case.rounds));
        for turn in 0..rounds * count {
            let at = (turn / count + turn) % count;
            (case.steps.prepare)().with_context(|| format!("cannot prepare {}", case.name))?;
            let subject = &case.subjects[at];
            programs[at].samples.push(subject.invocation.measure(self.stopwatch)?);
            (case.steps.check)()
                .with_context(|| format!("{} did not do its work", subject.name))?;
        }
        Ok(CaseResult::new(case.letter, case.name, case.files, programs))
    }

    /// Counts the system calls. The programs are in the page cache then, too.
    fn count_calls(self, case: &mut Case<'_>, programs: &mut [Measured]) -> Result<()> {
        for (subject, program) in case.subjects.iter().zip(programs) {
            (case.steps.prepare)()?;
            program.system_calls = subject.invocation.count_system_calls(self.scratch);
        }
        Ok(())
    }
}
