//! `--recover`: only the repair that every run begins with; no COMMAND.
//!
//! With a code it also leaves a snapshot whose record is lost.

use crate::conf::plan::Plan;
use crate::exit_status;
use crate::record::run_lock::OwnLock;
use crate::run::clean_up;
use crate::run::context::Context;
use crate::run::event::Event;
use crate::run::job::{Job, Program};
use crate::run::leave::{Held, Shown};
use crate::storage::main_lock::MainLock;
use crate::storage::snapshot_file::Content;
use crate::storage::{Storage, snapshot_lock};
use crate::system::mounts;
use crate::system::privileges::Rights;
use dsnap_core::method::Methods;
use dsnap_core::{Code, Refusal, Waiting, text};

/// Why a repair was not made.
#[derive(Debug)]
pub struct NotRecovered {
    /// Why.
    pub reason: Refusal,
    /// The exit status of the program.
    pub status: u8,
}

/// Leaves what earlier runs left behind, and the snapshot with `code`, if one is given.
/// Afterwards nothing is held that this tool knows of. Says what was found, in one line.
///
/// The rights are in effect already.
///
/// # Errors
///
/// Another run or its COMMAND lives, a snapshot could not be left, or the storage is in another
/// snapshot than the given one.
pub fn recover(
    job: &Job,
    code: Option<&Code>,
    storage: &Storage,
    rights: &Rights,
    methods: &dyn Methods,
    program: &dyn Program,
) -> Result<String, NotRecovered> {
    storage.check_folders().map_err(NotRecovered::misused)?;
    let locks_reach = mounts::locks_reach(&storage.misc());
    let plan = Plan::make(&job.source, storage, methods, rights, locks_reach, program);
    if let Some(signal) = program.stopped() {
        return Err(NotRecovered::stopped(signal));
    }
    plan.complaints.iter().for_each(|words| program.report(Event::Complaint(words.clone())));
    let lock = MainLock::of(storage, locks_reach);
    let context = Context { job, storage, plan: &plan, rights, program, lock: &lock };
    let own = OwnLock::take(storage).map_err(NotRecovered::misused)?;
    let copied = own.is_copy();
    own.forget_copied();
    let recovered = match code {
        // The one that is named is left whatever its record says, and its record with it.
        Some(code) => leave_named(&context, &own, code),
        None => clean_up::repair(&context, &own, None).map(drop),
    };
    own.release();
    recovered?;
    Ok(words(storage, copied)?)
}

/// Leaves a snapshot as its records say; where they are lost, by asking every line. Nothing is
/// sent unless the storage is in it.
fn leave_named(context: &Context<'_>, own: &OwnLock, code: &Code) -> Result<(), Refusal> {
    clean_up::repair_named(context, own, code)?;
    let mark = snapshot_lock::look_at_mark(context.storage)?;
    match &mark.content {
        _ if context.lock.is_free() == Some(true) => Ok(()),
        Content::User(_) if mark.is_held_by(code) => {
            Held::found(*context, own, None, code.clone(), Shown::Code).leave()
        }
        Content::User(_) => Err(Refusal::new(format!(
            "{} is in the snapshot {}, not in user/{code}",
            text::path(context.storage.root()),
            mark.content
        ))),
        _ => Ok(()),
    }
}

/// What the storage is in afterwards.
fn words(storage: &Storage, copied: bool) -> Result<String, Refusal> {
    let root = text::path(storage.root());
    if copied {
        return Ok(format!("{root}: it is a copy; what its original holds is forgotten here"));
    }
    Ok(match snapshot_lock::look_at_mark(storage)?.content {
        other @ Content::User(_) => {
            format!("{root}: nothing of dsnap to leave; it is in the snapshot {other}")
        }
        _ => format!("{root}: nothing to leave"),
    })
}

impl NotRecovered {
    /// Nothing could even be tried.
    pub fn misused(reason: Refusal) -> Self {
        Self::with(reason, exit_status::FAILED)
    }

    /// A signal came before anything was done.
    fn stopped(signal: i32) -> Self {
        let reason = Refusal::new(format!("stopped by signal {signal}"));
        Self { reason, status: exit_status::by_signal(signal) }
    }

    fn with(reason: Refusal, status: u8) -> Self {
        let in_use = reason.helped_by() == Waiting::InUse;
        Self { status: if in_use { exit_status::IN_USE } else { status }, reason }
    }
}

/// Something is held still.
impl From<Refusal> for NotRecovered {
    fn from(reason: Refusal) -> Self {
        Self::with(reason, exit_status::BROKEN)
    }
}
