//! A run: COMMAND in a snapshot, and the files that tell other programs how it ended.

use std::path::Path;

use dsnap_core::{Reason, text};
use dsnap_engine::diagnosis::{Diagnosis, Size};
use dsnap_engine::run;
use dsnap_engine::run::job::{Failure, Outcome};
use dsnap_engine::run::member::Target;
use dsnap_engine::run::nested::{self, OuterSnapshot};
use dsnap_engine::run::session::Session;
use dsnap_engine::storage::Storage;
use dsnap_engine::system::privileges::Privileges;

use super::opening::{registry, with_storage};
use super::other_storages::OtherStorage;
use crate::chronicle::Chronicle;
use crate::documents::run_report::{RunReport, StorageEnd};
use crate::report::ending::Situation;
use crate::report::{self, Frontend};
use crate::resolve::Invocation;
use crate::terminal::journal::Priority;
use crate::terminal::output;

/// Runs COMMAND, and tells people and other programs how that ended. Returns the exit status.
pub(super) fn run(invocation: &Invocation) -> u8 {
    let results = Results::new(invocation);
    let opened = outer_snapshot(invocation).and_then(|outer| run_at_storage(&results, outer));
    opened.unwrap_or_else(|reason| results.tell_not_opened(reason))
}

/// Opens the storage, and runs COMMAND in a snapshot of it: in that of an outer run, or in a new one.
fn run_at_storage(results: &Results<'_>, outer: Option<OuterSnapshot>) -> Result<u8, Reason> {
    let invocation = results.invocation;
    let dir = outer.as_ref().map(|outer| &*outer.directory).or(invocation.dir.as_deref());
    with_storage(invocation, dir, &results.chronicle, |storage, privileges, program| {
        let ran = match &outer {
            Some(outer) => run_nested(invocation, storage, outer, program).into(),
            None => run_in_snapshots(invocation, storage, privileges, program),
        };
        let Ran { outcome, others, situation } = ran;
        let main = (storage.given(), size_of_b(invocation, storage));
        privileges.with_caller_privileges(|| results.write_files(main, &others, &outcome));
        program.print_outcome(&outcome, results.command.as_deref(), situation.as_ref());
        outcome.status()
    })
}

/// What a run hands on to those who tell of it.
struct Ran {
    outcome: Outcome,
    /// The storages of `--also` that were opened.
    others: Vec<OtherStorage>,
    /// What the storage is in that got no snapshot.
    situation: Option<Situation>,
}

impl From<Outcome> for Ran {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, others: Vec::new(), situation: None }
    }
}

/// Finds the snapshot of the run that this one is nested in.
fn outer_snapshot(invocation: &Invocation) -> Result<Option<OuterSnapshot>, Reason> {
    let outer_run = invocation.outer_run.as_ref();
    outer_run.map(|outer| outer.snapshot(invocation.dir.as_deref())).transpose()
}

fn run_nested(
    invocation: &Invocation,
    storage: &Storage,
    outer: &OuterSnapshot,
    program: &Frontend<'_>,
) -> Outcome {
    match program.look_up_command() {
        Err(end) => Outcome::of_command(end),
        Ok(()) => nested::run(&invocation.job, storage, outer, program),
    }
}

/// Runs COMMAND in snapshots of the storage and of those of `--also`. If there was no snapshot, looks
/// afterwards at the storage that is to blame.
fn run_in_snapshots(
    invocation: &Invocation,
    storage: &Storage,
    privileges: &Privileges,
    program: &Frontend<'_>,
) -> Ran {
    let Invocation { job, also, .. } = invocation;
    let others = match OtherStorage::open_all(also, job, privileges) {
        Ok(others) => others,
        Err(reason) => return Outcome::not_run(reason.into()).into(),
    };
    if let Err(end) = program.look_up_command() {
        return Ran { others, ..Outcome::of_command(end).into() };
    }
    let main = Target { job, storage, privileges };
    let targets: Vec<_> =
        std::iter::once(main).chain(others.iter().map(OtherStorage::target)).collect();
    let mut situation = None;
    let look = &mut |session: &Session<'_>, failure: &Failure| {
        situation = Some(look_at(session, failure, !also.is_empty()));
    };
    let outcome = run::run(job, &targets, &registry(invocation), program, look);
    Ran { outcome, others, situation }
}

/// Looks at a storage that got no snapshot. If that fails, the reasons of the run say why.
fn look_at(session: &Session<'_>, failure: &Failure, are_several: bool) -> Situation {
    let Ok(diagnosis) = Diagnosis::after_run(session, failure) else { return Situation::default() };
    let name = are_several.then(|| text::path(session.root()));
    Situation { name, ..Situation::of(session.root(), &diagnosis) }
}

/// Tells how a run ended.
struct Results<'a> {
    invocation: &'a Invocation,
    /// The name of COMMAND.
    command: Option<String>,
    chronicle: Chronicle,
}

impl<'a> Results<'a> {
    fn new(invocation: &'a Invocation) -> Self {
        let command = invocation.command.words.first().map(text::harmless);
        Self { invocation, command, chronicle: Chronicle::new() }
    }

    /// Writes the files of `--report` and `--metrics`. One that cannot be written is a warning.
    fn write_files(&self, main: StorageEnd<'_>, others: &[OtherStorage], outcome: &Outcome) {
        let Self { invocation, command, chronicle } = self;
        let also = also_ends(invocation, others);
        let report = RunReport::new(main, also, command.clone(), outcome, &chronicle.notes());
        let warnings = invocation.files.write(&report);
        warnings.iter().for_each(|warning| output::print(Priority::Warning, warning));
    }

    /// Tells why the storage could not be opened. Returns the exit status.
    fn tell_not_opened(&self, reason: Reason) -> u8 {
        let outcome = Outcome::not_run(reason.into());
        let dir = self.invocation.dir.as_deref().unwrap_or(Path::new(""));
        self.write_files((dir, None), &[], &outcome);
        report::print_outcome(&outcome, self.command.as_deref());
        outcome.status()
    }
}

/// Measures `B/` of a storage, if a file is to tell its size.
fn size_of_b(invocation: &Invocation, storage: &Storage) -> Option<Size> {
    invocation.files.are_wanted().then(|| Size::of(&storage.folders().b).ok()).flatten()
}

/// Lists the storages of `--also` with what is in their `B/`. `others` are those that were opened.
fn also_ends<'a>(invocation: &'a Invocation, others: &[OtherStorage]) -> Vec<StorageEnd<'a>> {
    let size =
        |other: &OtherStorage| other.privileges.within(|| size_of_b(invocation, &other.storage));
    let sizes = others.iter().map(size).chain(std::iter::repeat(None));
    invocation.also.iter().zip(sizes).map(|((dir, _), size)| (&**dir, size)).collect()
}
