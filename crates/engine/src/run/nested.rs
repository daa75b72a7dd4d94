//! A run inside COMMAND of another run: the snapshot is already there.
//!
//! Nothing is entered or left, no conf is read, and nothing is retried. But variables that are left
//! over from something else must not pass for a snapshot.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use dsnap_core::{Code, Reason, text};

use crate::record::run_record::RunRecord;
use crate::run::event::Event;
use crate::run::job::{Job, NotRun, Outcome, Program};
use crate::storage::snapshot_file::{Content, SnapshotFile};
use crate::storage::{self, Storage, snapshot_lock};
use crate::system::lock_holders;

/// The version of the environment that COMMAND gets.
pub const VERSION: &str = "2";

/// The variables of an outer run, as they stand in the environment.
#[derive(Debug, Clone)]
pub struct Inherited {
    /// `SNAPSHOT_VERSION`.
    pub version: OsString,
    /// `SNAPSHOT_DIRECTORY`.
    pub directory: Option<OsString>,
    /// `SNAPSHOT_CODE`; the original does not set it.
    pub code: Option<OsString>,
}

impl Inherited {
    /// Returns the directory of the outer run.
    ///
    /// # Errors
    ///
    /// The version is another one, the directory is missing or relative to another folder, or the user
    /// asks for another directory.
    pub fn directory(&self, asked: Option<&Path>) -> Result<PathBuf, Reason> {
        if self.version != VERSION {
            let version = text::harmless(&self.version);
            return Err(leftover(format!(
                "SNAPSHOT_VERSION is `{version}`, but this tool knows version {VERSION} only"
            )));
        }
        let Some(directory) = self.directory.as_ref().filter(|it| !it.is_empty()) else {
            return Err(leftover(
                "SNAPSHOT_VERSION is set, but SNAPSHOT_DIRECTORY is not".to_owned(),
            ));
        };
        let directory = PathBuf::from(directory);
        if directory.is_relative() && !directory.join(storage::MAIN).is_dir() {
            return Err(leads_elsewhere(&directory));
        }
        match asked {
            Some(asked) if !is_same(asked, &directory) => Err(leftover(format!(
                "this runs inside a snapshot of {}, not of {}",
                text::path(&directory),
                text::path(asked)
            ))),
            _ => Ok(directory),
        }
    }
}

/// Runs COMMAND inside the snapshot of an outer run.
pub fn run(job: &Job, storage: &Storage, inherited: &Inherited, program: &dyn Program) -> Outcome {
    let seen = match check(storage, inherited.code.as_deref()) {
        Ok(seen) => seen,
        Err(reason) => return Outcome::not_run(reason.into()),
    };
    if let Some(signal) = program.stopped() {
        return Outcome::not_run(NotRun::Stopped(signal));
    }
    program.report(describe(storage, &seen, inherited.code.as_deref()));
    let command = job.command.is_some().then(|| program.run_command(None, None, &mut |_| {}));
    Outcome {
        command: Ok(command),
        broken: snapshot_lock::check_unchanged(storage, &seen).err(),
        not_left: None,
    }
}

/// Describes the snapshot. The outer run may have accepted an old one: then its code is another one, or
/// more was committed than `A/` contains.
fn describe(storage: &Storage, seen: &SnapshotFile, code: Option<&OsStr>) -> Event {
    let code = code.and_then(|code| Code::from_bytes(code.as_bytes()));
    let fresh = match seen.content {
        Content::Shutdown => storage.leftovers().is_ok_and(|left| left.is_none()),
        _ => code.as_ref().is_some_and(|code| seen.is_held_by(code)),
    };
    let tid = storage.last_transaction();
    Event::Inherited { content: seen.content.to_string(), code, tid, fresh }
}

/// Checks that the snapshot that the variables describe exists.
fn check(storage: &Storage, code: Option<&OsStr>) -> Result<SnapshotFile, Reason> {
    let file = snapshot_lock::read_snapshot_file(storage)?;
    let root = text::path(storage.root());
    if file.content == Content::Absent {
        return Err(leftover(format!("{root} is not in a snapshot (no misc/snapshot)")));
    }
    let run = RunRecord::read(storage).ok().flatten();
    let named =
        |run: &RunRecord| code.is_some_and(|code| code.as_bytes() == run.code.as_str().as_bytes());
    match &run {
        Some(run) if code.is_some() && !named(run) => {
            return Err(leftover(format!("{root} is used by another run (code {})", run.code)));
        }
        _ => {}
    }
    let lives = run.is_some_and(|run| named(&run) && run.may_live());
    if !lives && !lock_holders::is_held(&storage.sublock()) {
        return Err(leftover(format!(
            "no process holds misc/sublock in {root}, and no run with that code is alive"
        )));
    }
    Ok(file)
}

/// Explains why a relative directory, which is passed on exactly as it was given, leads to nothing.
fn leads_elsewhere(directory: &Path) -> Reason {
    Reason::new(format!(
        "SNAPSHOT_DIRECTORY is `{}`, a relative path, which leads to no storage from the current folder",
        text::path(directory)
    ))
    .hint("COMMAND has changed its folder: give the outer dsnap an absolute path as --storage")
}

fn leftover(what: String) -> Reason {
    Reason::new(what).hint(
        "if this is not a COMMAND of dsnap: unset SNAPSHOT_VERSION SNAPSHOT_DIRECTORY SNAPSHOT_TIMESTAMP SNAPSHOT_CODE SNAPSHOT_TID",
    )
}

/// Says whether two paths lead to the same folder.
fn is_same(one: &Path, other: &Path) -> bool {
    match (fs::canonicalize(one), fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_directory_variable_counts_as_missing() {
        let directory = |directory: Option<&str>| {
            let inherited = Inherited {
                version: VERSION.into(),
                directory: directory.map(OsString::from),
                code: None,
            };
            inherited.directory(None)
        };
        assert_eq!(directory(Some("/srv/ds")), Ok(PathBuf::from("/srv/ds")));
        assert_eq!(directory(Some("")), directory(None));
        assert!(directory(None).unwrap_err().text().contains("SNAPSHOT_DIRECTORY is not"));
    }
}
