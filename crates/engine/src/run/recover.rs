//! `--recover`: only the repair that every run begins with; no COMMAND.
//!
//! With a code it also leaves a snapshot whose record is lost.

use dsnap_core::method::Methods;
use dsnap_core::{Code, Reason, text};

use crate::exit_status;
use crate::failure::Failure;
use crate::record::evidence::Evidence;
use crate::record::run_lock::RunLock;
use crate::run::job::{Job, NotRun, Program};
use crate::run::leave::EnteredSnapshot;
use crate::run::session::Session;
use crate::run::{clean_up, unwritten};
use crate::storage::main_lock::Openness;
use crate::storage::snapshot_file::Content;
use crate::storage::{Storage, snapshot_lock};
use crate::system::privileges::Privileges;

/// Why a recovery failed.
#[derive(Debug)]
pub struct NotRecovered {
    /// Why.
    pub reason: Reason,
    /// The exit status of the program.
    pub status: u8,
}

/// Leaves what earlier runs left behind, and the snapshot with `code`, if one is given.
/// Afterwards nothing is held that this tool knows of. Says what was found, in one line.
///
/// `privileges` are in effect already.
///
/// # Errors
///
/// Another run or its COMMAND lives, a snapshot could not be left, or the storage is in another
/// snapshot than the given one.
pub fn recover(
    job: &Job,
    code: Option<&Code>,
    storage: &Storage,
    privileges: &Privileges,
    methods: &dyn Methods,
    program: &dyn Program,
) -> Result<String, NotRecovered> {
    let session = Session::begin(job, storage, privileges, methods, program)?;
    let run_lock = RunLock::take(storage).map_err(NotRecovered::misused)?;
    let copied = run_lock.is_copy();
    run_lock.forget_copied();
    let recovered = match code {
        // The one that is named is left whatever its record says, and its record with it.
        Some(code) => leave_named(&session, &run_lock, code),
        None => clean_up::clean_up(&session, &run_lock, None)
            .and_then(|()| unwritten::ask_servers(&session)),
    };
    run_lock.release();
    recovered?;
    words(storage, copied).map_err(|reason| Failure::from(reason).into())
}

/// Leaves a snapshot as its records say; where they are lost, by asking every line. Nothing is
/// sent unless the storage is in it.
fn leave_named(session: &Session<'_>, run_lock: &RunLock, code: &Code) -> Result<(), Failure> {
    clean_up::clean_up_named(session, run_lock, code)?;
    let file = snapshot_lock::read_snapshot_file(session.storage)?;
    match &file.content {
        _ if session.openness() == Openness::Closed => Ok(()),
        Content::User(_) | Content::Empty if file.may_be_held_by(code) => {
            EnteredSnapshot::of_earlier_run(session, run_lock, None, code.clone(), Evidence::Here)
                .leave()
        }
        Content::User(_) => Err(Failure::permanent(format!(
            "{} is in the snapshot {}, not in `user/{code}`",
            text::path(session.storage.root()),
            file.content
        ))),
        _ => Ok(()),
    }
}

/// What the storage is in afterwards.
fn words(storage: &Storage, copied: bool) -> Result<String, Reason> {
    let root = text::path(storage.root());
    if copied {
        return Ok(format!("{root}: this is a copy; records of the original have been removed"));
    }
    Ok(match snapshot_lock::read_snapshot_file(storage)?.content {
        other @ Content::User(_) => {
            format!(
                "{root} is in the snapshot {other}, which no run of dsnap is known to have entered"
            )
        }
        _ => format!("{root}: nothing to leave"),
    })
}

impl NotRecovered {
    /// Nothing could even be tried.
    pub fn misused(failure: impl Into<Failure>) -> Self {
        Self::with(failure.into(), exit_status::FAILED)
    }

    /// A signal came before anything was done.
    fn stopped(signal: i32) -> Self {
        let reason = Reason::new(format!("stopped by signal {signal}"));
        Self { reason, status: exit_status::by_signal(signal) }
    }

    fn with(failure: Failure, status: u8) -> Self {
        let in_use = matches!(failure, Failure::InUse(_));
        Self {
            status: if in_use { exit_status::IN_USE } else { status },
            reason: failure.into_reason(),
        }
    }
}

/// Something is held still.
impl From<Failure> for NotRecovered {
    fn from(failure: Failure) -> Self {
        Self::with(failure, exit_status::BROKEN)
    }
}

/// Nothing was tried.
impl From<NotRun> for NotRecovered {
    fn from(not_run: NotRun) -> Self {
        match not_run {
            NotRun::Stopped(signal) => Self::stopped(signal),
            NotRun::NoSnapshot { failure, .. } => Self::misused(failure),
        }
    }
}
