//! The result of a run, as `--report` writes it.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dsnap_core::text;
use dsnap_engine::diagnosis::Size;
use dsnap_engine::run::job::{CommandEnd, NotRun, Outcome};
use serde::Serialize;

use super::transaction_id;
use crate::chronicle::{Notes, StorageNotes};

/// The version of the JSON document. It changes when a field changes its meaning.
const SCHEMA_VERSION: u32 = 1;

/// The result of a run.
// wide: one field for each value of the JSON document.
#[derive(Debug, Serialize)]
pub(crate) struct RunReport {
    schema_version: u32,
    /// The storage of `--storage`.
    #[serde(flatten)]
    main: StorageReport,
    /// The name of COMMAND, without its arguments: they may contain secrets.
    command: Option<String>,
    /// The exit status of the program.
    pub(crate) exit_status: u8,
    /// COMMAND ran to its end, and no snapshot changed meanwhile.
    good: bool,
    /// Every snapshot was fresh: entered for this run, or nothing had been committed since.
    fresh: bool,
    /// Why COMMAND was not run, why the result must not be trusted, or why a snapshot could not be
    /// left.
    reasons: Vec<String>,
    /// When the run began, in seconds since 1970.
    began: u64,
    /// When it ended, in seconds since 1970.
    pub(crate) ended: u64,
    pub(crate) duration_seconds: f64,
    until_command_seconds: Option<f64>,
    command_seconds: Option<f64>,
    /// The storages of `--also`.
    also: Vec<StorageReport>,
}

/// What a run did to one storage.
// wide: one field for each value of the JSON document.
#[derive(Debug, Serialize)]
pub(crate) struct StorageReport {
    pub(crate) storage: String,
    /// The line that entered the snapshot.
    method: Option<String>,
    code: Option<String>,
    /// The last transaction in the snapshot, 16 hexadecimal digits.
    last_transaction: Option<String>,
    /// When that transaction was committed, in seconds since 1970.
    pub(crate) last_transaction_time: Option<u64>,
    /// How long the storage was in the snapshot.
    pub(crate) frozen_seconds: Option<f64>,
    /// What was in `B/` at the end.
    pub(crate) b_files: Option<u64>,
    pub(crate) b_bytes: Option<u64>,
}

/// A storage of a run, and what was in its `B/` at the end.
pub(crate) type StorageEnd<'a> = (&'a Path, Option<Size>);

impl StorageReport {
    fn new((dir, b): StorageEnd<'_>, notes: &StorageNotes) -> Self {
        let tid = notes.snapshot.as_ref().and_then(|(_, tid)| *tid);
        Self {
            storage: text::path(dir),
            method: notes.method.clone(),
            code: notes.snapshot.as_ref().map(|(code, _)| code.clone()),
            last_transaction: tid.map(transaction_id),
            last_transaction_time: tid.and_then(dsnap_engine::storage::transaction_time),
            frozen_seconds: notes.frozen().map(|frozen| frozen.as_secs_f64()),
            b_files: b.map(|b| b.files),
            b_bytes: b.map(|b| b.bytes),
        }
    }
}

impl RunReport {
    pub(crate) fn new<'a>(
        main: StorageEnd<'a>,
        also: impl IntoIterator<Item = StorageEnd<'a>>,
        command: Option<String>,
        outcome: &Outcome,
        notes: &Notes,
    ) -> Self {
        use CommandEnd::{CannotExecute, NotFound};
        let ran = !matches!(outcome.command, Err(_) | Ok(Some(NotFound(_) | CannotExecute(_))));
        let cut_short = matches!(outcome.command, Ok(Some(CommandEnd::Overdue { .. })));
        let seconds = |duration: Duration| duration.as_secs_f64();
        let also = also.into_iter().zip(1..);
        Self {
            schema_version: SCHEMA_VERSION,
            main: StorageReport::new(main, &notes.storage(0)),
            command,
            exit_status: outcome.status(),
            good: ran && !cut_short && outcome.broken.is_empty(),
            fresh: ran && notes.are_fresh(),
            reasons: reasons(outcome),
            began: since_1970(notes.began),
            ended: since_1970(SystemTime::now()),
            duration_seconds: seconds(notes.duration()),
            until_command_seconds: notes.until_command().map(seconds),
            command_seconds: notes.command().map(seconds),
            also: also.map(|(it, number)| StorageReport::new(it, &notes.storage(number))).collect(),
        }
    }

    /// Lists the storages, that of `--storage` first.
    pub(crate) fn storages(&self) -> impl Iterator<Item = &StorageReport> {
        std::iter::once(&self.main).chain(&self.also)
    }

    /// Says whether COMMAND ran and succeeded in a snapshot that stayed as it was. A test without
    /// COMMAND backs up nothing.
    pub(crate) fn is_backup(&self) -> bool {
        self.command.is_some() && self.exit_status == 0 && self.good
    }
}

fn reasons(outcome: &Outcome) -> Vec<String> {
    let not_run = match &outcome.command {
        Err(NotRun::Stopped(signal)) => Some(format!("stopped by signal {signal}")),
        Err(NotRun::NoSnapshot { failure, .. }) => Some(failure.reason().text().to_owned()),
        Ok(Some(CommandEnd::NotFound(_))) => Some("COMMAND was not found".to_owned()),
        Ok(Some(CommandEnd::CannotExecute(error))) => {
            Some(format!("COMMAND cannot be executed: {}", text::error(error)))
        }
        Ok(Some(CommandEnd::Overdue { .. })) => {
            Some("COMMAND was ended because of --max-hold".to_owned())
        }
        Ok(_) => None,
    };
    let others = [&outcome.broken, &outcome.not_left].into_iter().flatten();
    not_run.into_iter().chain(others.map(|reason| reason.text().to_owned())).collect()
}

fn since_1970(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
