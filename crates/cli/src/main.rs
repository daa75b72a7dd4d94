//! `dsnap`: runs COMMAND while a DirectoryStorage is in snapshot mode.
//!
//! [`args`] parses the command line, [`resolve`] works out what it means, and `dsnap-engine` does
//! the run. Printing ([`output`], [`report`]), the environment ([`environment`]), signals
//! ([`signals`]) and COMMAND ([`lookup`], [`spawn`]) have one file each.
#![forbid(unsafe_code)]

mod announcements;
mod args;
mod chronicle;
mod combinations;
mod core_dumps;
mod deadlines;
mod ending;
mod environment;
mod help;
mod journal;
mod listing;
mod live;
mod lookup;
mod metrics;
mod other_storages;
mod output;
mod phases;
mod recovery;
mod recovery_report;
mod report;
mod resolve;
mod result_files;
mod run_report;
mod signals;
mod spawn;
mod status;
mod style;

use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use dsnap_core::{Reason, text};
use dsnap_direct::Direct;
use dsnap_engine::diagnosis::{Diagnosis, Finding, Severity, Size};
use dsnap_engine::run::job::{Failure, Job, Outcome};
use dsnap_engine::run::member::Target;
use dsnap_engine::run::nested::{self, OuterSnapshot};
use dsnap_engine::run::recover::{self, NotRecovered, RecoverOptions, Remains};
use dsnap_engine::run::session::Session;
use dsnap_engine::storage::{self, Storage};
use dsnap_engine::system::privileges::Privileges;
use dsnap_engine::{exit_status, limits, run};
use dsnap_exec::Exec;
use dsnap_host::Registry;
use dsnap_http::Http;
#[cfg(feature = "zeo")]
use dsnap_zeo::Zeo;

use crate::args::{Parsed, UsageError};
use crate::chronicle::Chronicle;
use crate::journal::Priority;
use crate::listing::Listing;
use crate::other_storages::OtherStorage;
use crate::recovery_report::RecoveryReport;
use crate::report::Frontend;
use crate::resolve::{Action, Invocation, Look};
use crate::run_report::{RunReport, StorageEnd};
use crate::signals::Signals;
use crate::spawn::CommandRunner;
use crate::status::{Report, Situation};

fn main() -> ExitCode {
    dsnap_host::answer_isolated_call();
    core_dumps::disable();
    // The snapshot is left while the panic unwinds.
    let status = panic::catch_unwind(AssertUnwindSafe(program));
    ExitCode::from(status.unwrap_or_else(|_| report::print_panic(spawn::has_started())))
}

fn program() -> u8 {
    let invocation = match args::parse(environment::arguments()) {
        Ok(Parsed::Print(text)) => {
            output::print_result(text.trim_end());
            return 0;
        }
        Ok(Parsed::Args(args)) => resolve::resolve(*args, environment::read()),
        Err(error) => Err(error),
    };
    match invocation {
        Ok(invocation) => act(&invocation),
        Err(UsageError { message, hint }) => {
            output::print_message(&format!("usage: {message}\nhint: {hint}"));
            exit_status::FAILED
        }
    }
}

fn act(invocation: &Invocation) -> u8 {
    match &invocation.action {
        Action::Run => run_command(invocation),
        Action::Recover { options, json } => recover(invocation, options, *json),
        Action::Status(look) => show_status(invocation, look),
        Action::List { json } => list_methods(invocation, *json),
    }
}

fn run_command(invocation: &Invocation) -> u8 {
    let command = invocation.command.words.first().map(text::harmless);
    let chronicle = Chronicle::new();
    let write = |main: StorageEnd<'_>, others: &[OtherStorage], outcome: &Outcome| {
        let also = also_ends(invocation, others);
        let report = RunReport::new(main, also, command.clone(), outcome, &chronicle.notes());
        let warnings = invocation.files.write(&report);
        warnings.iter().for_each(|warning| output::print(Priority::Warning, warning));
    };
    let status = outer_snapshot(invocation).and_then(|outer| {
        let dir = outer.as_ref().map(|outer| &*outer.directory).or(invocation.dir.as_deref());
        with_storage(invocation, dir, &chronicle, |storage, privileges, program| {
            let mut situation = None;
            let (outcome, others) = match &outer {
                Some(outer) => (run_nested(invocation, storage, outer, program), Vec::new()),
                None => {
                    let look = &mut |look: Situation| situation = Some(look);
                    run_in_snapshots(invocation, storage, privileges, program, look)
                }
            };
            let main = (storage.given(), size_of_b(invocation, storage));
            privileges.with_caller_privileges(|| write(main, &others, &outcome));
            program.print_outcome(&outcome, command.as_deref(), situation.as_ref());
            outcome.status()
        })
    });
    status.unwrap_or_else(|reason| {
        let outcome = Outcome::not_run(reason.into());
        write((invocation.dir.as_deref().unwrap_or(Path::new("")), None), &[], &outcome);
        report::print_outcome(&outcome, command.as_deref());
        outcome.status()
    })
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

/// Runs COMMAND in snapshots of the storage and of those of `--also`, which it opens and returns. If there
/// was no snapshot, looks afterwards at what the storage is in that is to blame.
fn run_in_snapshots(
    invocation: &Invocation,
    storage: &Storage,
    privileges: &Privileges,
    program: &Frontend<'_>,
    look: &mut dyn FnMut(Situation),
) -> (Outcome, Vec<OtherStorage>) {
    let Invocation { job, also, .. } = invocation;
    let others = match OtherStorage::open_all(also, job, privileges) {
        Ok(others) => others,
        Err(reason) => return (Outcome::not_run(reason.into()), Vec::new()),
    };
    if let Err(end) = program.look_up_command() {
        return (Outcome::of_command(end), others);
    }
    let main = Target { job, storage, privileges };
    let targets: Vec<_> =
        std::iter::once(main).chain(others.iter().map(OtherStorage::target)).collect();
    let mut after = |session: &Session<'_>, failure: &Failure| {
        // If it cannot be made, the reasons of the run say why.
        let Ok(diagnosis) = Diagnosis::after_run(session, failure) else {
            return look(Situation::default());
        };
        let name = (!also.is_empty()).then(|| text::path(session.root()));
        look(Situation { name, ..Situation::of(session.root(), &diagnosis) });
    };
    (run::run(job, &targets, &registry(invocation), program, &mut after), others)
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

fn recover(invocation: &Invocation, options: &RecoverOptions, json: bool) -> u8 {
    let (dir, chronicle) = (invocation.dir.as_deref(), Chronicle::new());
    let recovery = with_storage(invocation, dir, &chronicle, |storage, privileges, program| {
        let (job, methods) = (&invocation.job, registry(invocation));
        let result = recover::recover(job, options, storage, privileges, &methods, program);
        (result, Remains::of(storage))
    });
    let (result, remains) =
        recovery.unwrap_or_else(|reason| (Err(NotRecovered::misused(reason)), Remains::default()));
    if json {
        let left = chronicle.notes().storage(0).left_behind;
        let dir = dir.unwrap_or(Path::new(""));
        output::print_result(&RecoveryReport::new(dir, &result, left, remains).to_json());
    }
    report::print_recovery(result, json)
}

/// Shows what is wrong with the storages; with `--watch` again and again.
fn show_status(invocation: &Invocation, look: &Look) -> u8 {
    let signals = match catch_signals() {
        Ok(signals) => signals,
        Err(reason) => {
            output::print_message(&format!("--status failed: {reason}"));
            return exit_status::FAILED;
        }
    };
    loop {
        let storages = look.storages.iter();
        let diagnose =
            |(dir, recover): &(PathBuf, String)| diagnose(invocation, dir, recover, &signals);
        let diagnoses: Vec<_> = storages.clone().map(diagnose).collect();
        let report = Report::new(storages.map(|(dir, _)| dir.as_path()).zip(&diagnoses));
        print_status(&report, look);
        if look.watch {
            signals.sleep(limits::WATCH_INTERVAL);
        }
        if !look.watch || signals.first_stop().is_some() {
            return report.status();
        }
    }
}

/// Prints the result of `--status`; with `--watch`, in the place of the one before.
fn print_status(report: &Report, look: &Look) {
    let text = if look.json { report.to_json() } else { output::coloured(&report.to_string()) };
    if look.watch {
        output::redraw_result(text.trim_end());
    } else {
        output::print_result(text.trim_end());
    }
}

fn diagnose(
    invocation: &Invocation,
    dir: &Path,
    recover: &str,
    signals: &Signals,
) -> Result<Diagnosis, Finding> {
    let job = Job { recover: recover.to_owned(), ..invocation.job.clone() };
    let diagnosis =
        at_storage(invocation, dir, signals, &Chronicle::new(), |storage, privileges, program| {
            let methods = registry(invocation);
            let diagnosis =
                Diagnosis::of(&Session::open(&job, storage, privileges, &methods, program));
            // The next storage may have another owner.
            privileges.restore().and(diagnosis)
        });
    match diagnosis {
        Ok(diagnosis) => diagnosis.map_err(|reason| Finding::of(Severity::Unknown, &reason)),
        Err(reason) => Err(Finding::of(Severity::Fails, &reason)),
    }
}

fn list_methods(invocation: &Invocation, json: bool) -> u8 {
    match listing(invocation) {
        Ok(listing) => {
            let text = if json { listing.to_json() } else { listing.to_string() };
            output::print_result(text.trim_end());
            listing.unreadable().into_iter().for_each(print_listing_failed);
            listing.status()
        }
        Err(reason) => {
            if json {
                output::print_result(&Listing::failed(&reason).to_json());
            }
            print_listing_failed(&reason);
            exit_status::FAILED
        }
    }
}

fn print_listing_failed(reason: &Reason) {
    output::print_message(&format!("--list-methods failed: {reason}"));
}

/// Lists the methods. With a storage, also reads its conf, with the privileges of each line.
fn listing(invocation: &Invocation) -> Result<Listing, Reason> {
    let methods = registry(invocation);
    if invocation.dir.is_none() {
        return Ok(Listing::new(&methods, None));
    }
    let (dir, chronicle) = (invocation.dir.as_deref(), Chronicle::new());
    with_storage(invocation, dir, &chronicle, |storage, privileges, program| {
        let session = Session::open(&invocation.job, storage, privileges, &methods, program);
        Listing::new(&methods, Some(&session))
    })
}

/// Catches signals, opens the storage, takes the storage owner's privileges, and calls `work`.
fn with_storage<T>(
    invocation: &Invocation,
    dir: Option<&Path>,
    chronicle: &Chronicle,
    work: impl FnOnce(&Storage, &Privileges, &Frontend<'_>) -> T,
) -> Result<T, Reason> {
    let signals = catch_signals()?;
    at_storage(invocation, dir.unwrap_or(Path::new("")), &signals, chronicle, work)
}

fn catch_signals() -> Result<Signals, Reason> {
    Signals::catch().map_err(|error| {
        Reason::new(format!("dsnap cannot catch signals: {}", text::error(&error)))
    })
}

fn at_storage<T>(
    invocation: &Invocation,
    dir: &Path,
    signals: &Signals,
    chronicle: &Chronicle,
    work: impl FnOnce(&Storage, &Privileges, &Frontend<'_>) -> T,
) -> Result<T, Reason> {
    let privileges = Privileges::of_owner(dir, storage::MAIN)?;
    privileges.lower()?;
    let storage = Storage::open_judged(dir, &privileges).inspect_err(|_| {
        let _ = privileges.restore();
    })?;
    let runner = CommandRunner { command: &invocation.command, privileges: &privileges, signals };
    let frontend = Frontend::new(invocation.verbosity, signals, runner, chronicle);
    Ok(work(&storage, &privileges, &frontend))
}

/// Makes the registry of the built-in methods and of the folders with loadable ones.
fn registry(invocation: &Invocation) -> Registry {
    let http = Http::with_credentials(invocation.credentials.clone());
    let built_in = Registry::new(env!("CARGO_PKG_VERSION")).with(Direct).with(http).with(Exec);
    #[cfg(feature = "zeo")]
    let built_in = built_in.with(Zeo::with_credentials(invocation.credentials.clone()));
    built_in.searching(invocation.plugin_dirs.clone())
}
