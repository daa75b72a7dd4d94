//! `dsnap`: runs COMMAND while a DirectoryStorage is in snapshot mode.
//!
//! [`args`] parses the command line, [`resolve`] works out what it means, and `dsnap-engine` does
//! the run. Printing ([`output`], [`report`]), the environment ([`environment`]), signals
//! ([`signals`]) and COMMAND ([`lookup`], [`spawn`]) have one file each.
#![forbid(unsafe_code)]

mod args;
mod chronicle;
mod core_dumps;
mod deadlines;
mod environment;
mod help;
mod listing;
mod lookup;
mod metrics;
mod output;
mod report;
mod resolve;
mod result_files;
mod run_report;
mod signals;
mod spawn;
mod status;

use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use dsnap_core::{Reason, text};
use dsnap_direct::Direct;
use dsnap_engine::diagnosis::{Diagnosis, Finding, Severity, Size};
use dsnap_engine::run::job::{Job, Outcome};
use dsnap_engine::run::nested;
use dsnap_engine::run::recover::{self, NotRecovered, RecoverOptions};
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
use crate::listing::Listing;
use crate::report::Frontend;
use crate::resolve::{Action, Invocation, Look};
use crate::run_report::RunReport;
use crate::signals::Signals;
use crate::spawn::CommandRunner;
use crate::status::Report;

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
        Action::Recover(options) => recover(invocation, options),
        Action::Status(look) => show_status(invocation, look),
        Action::List { json } => list_methods(invocation, *json),
    }
}

fn run_command(invocation: &Invocation) -> u8 {
    let Invocation { job, outer_run, files, .. } = invocation;
    let command = invocation.command.words.first().map(text::harmless);
    let chronicle = Chronicle::new();
    let write = |dir: &Path, outcome: &Outcome, b| {
        let report = RunReport::new(dir, command.clone(), outcome, &chronicle.notes(), b);
        files.write(&report).iter().for_each(|warning| output::print_message(warning));
    };
    let status = with_storage(invocation, &chronicle, |storage, privileges, program| {
        let outcome = match (program.look_up_command(), outer_run) {
            (Err(end), _) => Outcome::of_command(end),
            (Ok(()), Some(outer)) => nested::run(job, storage, outer, program),
            (Ok(()), None) => run::run(job, storage, privileges, &registry(invocation), program),
        };
        let b = files.are_wanted().then(|| Size::of(&storage.folders().b).ok()).flatten();
        privileges.with_caller_privileges(|| write(storage.given(), &outcome, b));
        program.print_outcome(&outcome, command.as_deref());
        outcome.status()
    });
    status.unwrap_or_else(|reason| {
        let outcome = Outcome::not_run(reason.into());
        write(invocation.dir.as_deref().unwrap_or(Path::new("")), &outcome, None);
        report::print_outcome(&outcome, command.as_deref());
        outcome.status()
    })
}

fn recover(invocation: &Invocation, options: &RecoverOptions) -> u8 {
    let result = with_storage(invocation, &Chronicle::new(), |storage, privileges, program| {
        let methods = registry(invocation);
        recover::recover(&invocation.job, options, storage, privileges, &methods, program)
    });
    report::print_recovery(result.unwrap_or_else(|reason| Err(NotRecovered::misused(reason))))
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
        let text = if look.json { report.to_json() } else { report.to_string() };
        if look.watch {
            output::redraw_result(text.trim_end());
            signals.sleep(limits::WATCH_INTERVAL);
        } else {
            output::print_result(text.trim_end());
        }
        if !look.watch || signals.first_stop().is_some() {
            return report.status();
        }
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
    with_storage(invocation, &Chronicle::new(), |storage, privileges, program| {
        let session = Session::open(&invocation.job, storage, privileges, &methods, program);
        Listing::new(&methods, Some(&session))
    })
}

/// Catches signals, opens the storage, takes the storage owner's privileges, and calls `work`.
fn with_storage<T>(
    invocation: &Invocation,
    chronicle: &Chronicle,
    work: impl FnOnce(&Storage, &Privileges, &Frontend<'_>) -> T,
) -> Result<T, Reason> {
    let signals = catch_signals()?;
    let dir = match &invocation.outer_run {
        Some(outer) => outer.directory(invocation.dir.as_deref())?,
        None => invocation.dir.clone().unwrap_or_default(),
    };
    at_storage(invocation, &dir, &signals, chronicle, work)
}

fn catch_signals() -> Result<Signals, Reason> {
    Signals::catch().map_err(|error| Reason::new(format!("dsnap cannot catch signals: {error}")))
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
    let built_in = Registry::new(env!("CARGO_PKG_VERSION")).with(Direct).with(Http).with(Exec);
    #[cfg(feature = "zeo")]
    let built_in = built_in.with(Zeo);
    built_in.searching(invocation.plugin_dirs.clone())
}
