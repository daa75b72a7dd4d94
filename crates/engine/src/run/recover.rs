//! `--recover`: only the repair that every run begins with; no COMMAND.
//!
//! With a code it also leaves a snapshot whose record is lost.

use dsnap_core::method::Methods;
use dsnap_core::{Code, Reason, text};

use crate::exit_status;
use crate::failure::Failure;
use crate::record::contents::Look;
use crate::record::evidence::Evidence;
use crate::record::run_lock::RunLock;
use crate::run::job::{Job, NotRun, Program};
use crate::run::leave::EnteredSnapshot;
use crate::run::session::Session;
use crate::run::{clean_up, copy, existing, unwritten};
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

/// What is still there after a recovery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remains {
    /// The content of `misc/snapshot`; `None` if there is no such file, or if it cannot be read.
    pub snapshot: Option<String>,
    /// The codes of snapshots that earlier runs may have left behind, as `misc/snapshot` has them;
    /// `None` if that cannot be read.
    pub unsettled: Option<Vec<String>>,
}

impl Remains {
    /// Looks at the storage without locking anything.
    pub fn of(storage: &Storage) -> Self {
        let file = snapshot_lock::read_snapshot_file(storage);
        Self {
            snapshot: file.ok().and_then(|file| file.code()),
            unsettled: Look::at(storage).ok().map(|look| look.unsettled()),
        }
    }
}

/// What a recovery is to do besides leaving what earlier runs left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoverOptions {
    /// Leave the snapshot with this code, whatever its record says: `--code`.
    pub code: Option<Code>,
    /// Remove the records of a copied storage: a person knows that the copy is of one moment.
    /// `--whole-copy`.
    pub whole_copy: bool,
}

/// Leaves what earlier runs left behind, and the snapshot whose code is given. Afterwards this
/// program has nothing left to leave here. Says what was found, in one line.
///
/// `privileges` are in effect already.
///
/// # Errors
///
/// Another run or its COMMAND lives, a snapshot could not be left, the storage is in another
/// snapshot than the given one, or it is a copy that may be torn.
pub fn recover(
    job: &Job,
    options: &RecoverOptions,
    storage: &Storage,
    privileges: &Privileges,
    methods: &dyn Methods,
    program: &dyn Program,
) -> Result<String, NotRecovered> {
    let session = Session::begin(job, storage, privileges, methods, program)?;
    let run_lock = RunLock::take(storage).map_err(NotRecovered::misused)?;
    let copied = run_lock.is_copy();
    // A script that always recovers first must not turn off the protection of a torn copy.
    if !options.whole_copy
        && let Some(torn) = copy::torn_copy(storage, &run_lock, job)
    {
        return Err(NotRecovered::misused(torn));
    }
    run_lock.forget_copied();
    let recovered = match &options.code {
        // The one that is named is left whatever its record says, and its record with it.
        Some(code) => leave_named(&session, &run_lock, code),
        None => clean_up::clean_up(&session, &run_lock, None)
            .and_then(|()| unwritten::ask_servers(&session)),
    };
    let words = recovered.and_then(|()| words(&session, &run_lock, copied));
    run_lock.release(None);
    Ok(words?)
}

/// Leaves a snapshot as its records say; where they are lost, by asking every line. Nothing is
/// sent unless the storage is in it.
fn leave_named(session: &Session<'_>, run_lock: &RunLock, code: &Code) -> Result<(), Failure> {
    clean_up::clean_up_named(session, run_lock, code)?;
    let file = snapshot_lock::read_snapshot_file(session.storage)?;
    match &file.content {
        Content::User(_) if !file.may_be_held_by(code) => Err(Failure::permanent(format!(
            "{} is in the snapshot {}, not in `user/{code}`",
            text::path(session.storage.root()),
            file.content
        ))),
        _ if session.openness() == Openness::Closed => Ok(()),
        Content::User(_) | Content::Empty => {
            EnteredSnapshot::of_earlier_run(session, run_lock, None, code.clone(), Evidence::Here)
                .leave()
        }
        _ => Ok(()),
    }
}

/// Says in what state the storage is afterwards.
///
/// # Errors
///
/// It is in a snapshot that somebody else entered, or `misc/snapshot` cannot be read.
fn words(session: &Session<'_>, run_lock: &RunLock, copied: bool) -> Result<String, Failure> {
    let root = text::path(session.storage.root());
    if copied {
        return Ok(format!("{root}: this is a copy; records of the original have been removed"));
    }
    let file = snapshot_lock::read_snapshot_file(session.storage)?;
    match file.content {
        Content::User(_) if session.openness() != Openness::Closed => {
            Err(Failure::InUse(existing::snapshot_of_somebody_else(session, run_lock, &file)))
        }
        _ => Ok(format!("{root}: nothing to leave")),
    }
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
