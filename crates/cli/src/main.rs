//! `dsnap`: runs a command while a DirectoryStorage is a guaranteed fresh snapshot.
//!
//! What was typed is [`args`], what it means is [`resolve`]; the run itself is `dsnap-core`'s.
//! Printing ([`output`], [`report`]), the environment ([`environment`]), signals ([`signals`])
//! and COMMAND ([`spawn`]) have a file each.
#![forbid(unsafe_code)]

mod args;
mod cores;
mod environment;
mod listing;
mod output;
mod report;
mod resolve;
mod signals;
mod spawn;

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use dsnap_core::{Reason, text};
use dsnap_direct::Direct;
use dsnap_engine::run::job::Outcome;
use dsnap_engine::run::nested;
use dsnap_engine::run::recover::{self, NotRecovered};
use dsnap_engine::run::session::Session;
use dsnap_engine::storage::Storage;
use dsnap_engine::system::privileges::Privileges;
use dsnap_engine::{exit_status, run};
use dsnap_exec::Exec;
use dsnap_host::Registry;
use dsnap_http::Http;

use crate::args::{Asked, Misuse};
use crate::listing::Listing;
use crate::report::Reporter;
use crate::resolve::{Action, Task};
use crate::signals::Signals;
use crate::spawn::Spawn;

fn main() -> ExitCode {
    dsnap_host::answer_isolated_call();
    cores::forbid();
    // Whatever was entered is left while the panic unwinds.
    let status = panic::catch_unwind(AssertUnwindSafe(program));
    ExitCode::from(status.unwrap_or_else(|_| report::tell_panic(spawn::has_begun())))
}

fn program() -> u8 {
    let task = match args::parse(environment::words()) {
        Ok(Asked::Print(text)) => {
            output::answer(text.trim_end());
            return 0;
        }
        Ok(Asked::Run(args)) => resolve::resolve(*args, environment::outside()),
        Err(misuse) => Err(misuse),
    };
    match task {
        Ok(task) => carry_out(&task),
        Err(Misuse { what, hint }) => {
            output::say(&format!("usage: {what}\nhint: {hint}"));
            exit_status::FAILED
        }
    }
}

fn carry_out(task: &Task) -> u8 {
    match &task.action {
        Action::Run => {
            let outcome = with_storage(task, |storage, rights, reporter| match &task.outer {
                Some(outer) => nested::run(&task.job, storage, outer, reporter),
                None => run::run(&task.job, storage, rights, &methods(task), reporter),
            });
            let outcome = outcome.unwrap_or_else(|refusal| Outcome::not_run(refusal.into()));
            let command = task.command.first().map(text::harmless);
            report::tell(&outcome, command.as_deref());
            outcome.status()
        }
        Action::Recover(code) => {
            let recovered = with_storage(task, |storage, rights, reporter| {
                recover::recover(
                    &task.job,
                    code.as_ref(),
                    storage,
                    rights,
                    &methods(task),
                    reporter,
                )
            });
            report::tell_recovered(recovered.unwrap_or_else(|e| Err(NotRecovered::misused(e))))
        }
        Action::List { json } => match list(task) {
            Ok(listing) => {
                let text = if *json { listing.to_json() } else { listing.to_string() };
                output::answer(text.trim_end());
                listing.status()
            }
            Err(refusal) => {
                output::say(&format!("the conf cannot be looked at: {refusal}"));
                exit_status::FAILED
            }
        },
    }
}

/// Lists the methods there are; with a storage, also what the lines of its conf come to, with
/// the rights that these have.
fn list(task: &Task) -> Result<Listing, Reason> {
    let methods = methods(task);
    if task.dir.is_none() {
        return Ok(Listing::of(&methods, None));
    }
    with_storage(task, |storage, privileges, reporter| {
        let session = Session::open(&task.job, storage, privileges, &methods, reporter);
        Listing::of(&methods, Some(&session.plan))
    })
}

/// Hears signals, steps back from root's rights where they are not needed, and works.
fn with_storage<T>(
    task: &Task,
    work: impl FnOnce(&Storage, &Privileges, &Reporter<'_>) -> T,
) -> Result<T, Reason> {
    let signals = Signals::hear()
        .map_err(|error| Reason::new(format!("signals cannot be heard: {error}")))?;
    let dir = match &task.outer {
        Some(outer) => outer.directory(task.dir.as_deref())?,
        None => task.dir.clone().unwrap_or_default(),
    };
    let storage = Storage::open(&dir)?;
    let rights = Privileges::of_owner(&storage.a())?;
    rights.lower()?;
    let spawn = Spawn {
        command: &task.command,
        kill_after: task.kill_after,
        rights: &rights,
        signals: &signals,
    };
    let reporter = Reporter::new(task.verbosity, &signals, spawn);
    Ok(work(&storage, &rights, &reporter))
}

/// The methods that are linked in, and where others are looked for.
fn methods(task: &Task) -> Registry {
    let linked = Registry::new(env!("CARGO_PKG_VERSION")).with(Direct).with(Http).with(Exec);
    linked.searching(task.plugin_dirs.clone())
}
