//! `dsnap`: runs a command while a DirectoryStorage is a guaranteed fresh snapshot.
//!
//! What was typed is [`args`], what it means is [`resolve`]; the run itself is `dsnap-core`'s.
//! Printing ([`output`], [`report`]), the environment ([`environment`]), signals ([`signals`])
//! and COMMAND ([`spawn`]) have a file each.
#![forbid(unsafe_code)]

mod args;
mod environment;
mod output;
mod report;
mod resolve;
mod signals;
mod spawn;

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use dsnap_core::job::Outcome;
use dsnap_core::recover::{self, NotRecovered};
use dsnap_core::rights::Rights;
use dsnap_core::{Refusal, Storage, exit, nested, run, text};
use dsnap_direct::Direct;
use dsnap_host::Registry;
use dsnap_http::Http;

use crate::args::{Asked, Misuse};
use crate::report::Reporter;
use crate::resolve::{Action, Task};
use crate::signals::Signals;
use crate::spawn::Spawn;

fn main() -> ExitCode {
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
        Ok(Asked::Run(args)) => resolve::resolve(args, environment::outer_run()),
        Err(misuse) => Err(misuse),
    };
    match task {
        Ok(task) => carry_out(&task),
        Err(Misuse { what, hint }) => {
            output::say(&format!("usage: {what}\nhint: {hint}"));
            exit::FAILED
        }
    }
}

fn carry_out(task: &Task) -> u8 {
    match &task.action {
        Action::Run => {
            let outcome = with_storage(task, |storage, rights, reporter| match &task.outer {
                Some(outer) => nested::run(&task.job, storage, outer, reporter),
                None => run::run(&task.job, storage, rights, &methods(), reporter),
            });
            let outcome = outcome.unwrap_or_else(|refusal| Outcome::not_run(refusal.into()));
            let command = task.command.first().map(text::harmless);
            report::tell(&outcome, command.as_deref());
            outcome.status()
        }
        Action::Recover(code) => {
            let recovered = with_storage(task, |storage, rights, reporter| {
                recover::recover(&task.job, code.as_ref(), storage, rights, &methods(), reporter)
            });
            report::tell_recovered(recovered.unwrap_or_else(|e| Err(NotRecovered::misused(e))))
        }
    }
}

/// Hears signals, steps back from root's rights where they are not needed, and works.
fn with_storage<T>(
    task: &Task,
    work: impl FnOnce(&Storage, &Rights, &Reporter<'_>) -> T,
) -> Result<T, Refusal> {
    let signals = Signals::hear()
        .map_err(|error| Refusal::new(format!("signals cannot be heard: {error}")))?;
    let dir = match &task.outer {
        Some(outer) => outer.directory(task.dir.as_deref())?,
        None => task.dir.clone().unwrap_or_default(),
    };
    let storage = Storage::open(&dir)?;
    let rights = Rights::for_storage(&storage)?;
    rights.take_effect()?;
    let spawn = Spawn {
        command: &task.command,
        kill_after: task.kill_after,
        rights: &rights,
        signals: &signals,
    };
    let reporter = Reporter::new(task.verbosity, &signals, spawn);
    Ok(work(&storage, &rights, &reporter))
}

/// The methods that are linked in.
fn methods() -> Registry {
    Registry::new().with(Direct).with(Http)
}
