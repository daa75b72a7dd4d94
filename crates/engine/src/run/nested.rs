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
use crate::run::environment::{Environment, VERSION, Variable};
use crate::run::event::Event;
use crate::run::job::{Job, NotRun, Outcome, Program};
use crate::storage::snapshot_file::{Content, SnapshotFile};
use crate::storage::{self, Storage, snapshot_lock};
use crate::system::lock_holders;

/// The variables of an outer run, as they stand in the environment.
#[derive(Debug, Clone, Default)]
pub struct Inherited {
    /// `SNAPSHOT_VERSION`.
    pub version: OsString,
    /// `SNAPSHOT_DIRECTORY`.
    pub directory: Option<OsString>,
    /// `SNAPSHOT_CODE`; the original does not set it.
    pub code: Option<OsString>,
    /// `SNAPSHOT_DIRECTORIES`, if the outer run has several storages.
    pub directories: Option<OsString>,
    /// `SNAPSHOT_CODES`.
    pub codes: Option<OsString>,
    /// `SNAPSHOT_TIDS`.
    pub tids: Option<OsString>,
}

/// The snapshot of an outer run in which COMMAND runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OuterSnapshot {
    /// The storage directory as the outer run got it.
    pub directory: PathBuf,
    /// Its code; the original sets none.
    code: Option<OsString>,
    /// What COMMAND must be told, if it is not what the outer run's own COMMAND was told.
    variables: Vec<Variable>,
}

impl Inherited {
    /// Finds the snapshot of the outer run that the user asks for, or that of its first storage.
    ///
    /// # Errors
    ///
    /// The version is another one, the directory is missing or relative to another folder, or the user
    /// asks for another directory.
    pub fn snapshot(&self, asked: Option<&Path>) -> Result<OuterSnapshot, Reason> {
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
        let (directory, code) = (PathBuf::from(directory), self.code.clone());
        let main = OuterSnapshot { directory, code, variables: Vec::new() };
        let others = self.of_several()?.into_iter().filter(|it| it.directory != main.directory);
        let others: Vec<_> = others.collect();
        choose(main, others, asked)
    }

    /// Lists the snapshots of an outer run that has several storages.
    fn of_several(&self) -> Result<Vec<OuterSnapshot>, Reason> {
        let Some(directories) = &self.directories else { return Ok(Vec::new()) };
        let [directories, codes, tids] =
            [Some(directories), self.codes.as_ref(), self.tids.as_ref()].map(lines);
        if codes.len() != directories.len() || tids.len() != directories.len() {
            return Err(lists_of_different_lengths());
        }
        let each = directories.into_iter().zip(codes).zip(tids);
        Ok(each.map(|((directory, code), tid)| OuterSnapshot::of(directory, code, tid)).collect())
    }
}

/// Splits a list with one value a line.
fn lines(list: Option<&OsString>) -> Vec<OsString> {
    let bytes = list.map(|list| list.as_bytes()).unwrap_or_default();
    bytes.split(|byte| *byte == b'\n').map(|line| OsStr::from_bytes(line).to_owned()).collect()
}

impl OuterSnapshot {
    fn of(directory: OsString, code: OsString, tid: OsString) -> Self {
        let variables = vec![
            ("SNAPSHOT_DIRECTORY", Some(directory.clone())),
            ("SNAPSHOT_CODE", Some(code.clone())),
            ("SNAPSHOT_TID", Some(tid).filter(|tid| !tid.is_empty())),
        ];
        Self { directory: directory.into(), code: Some(code), variables }
    }

    /// Says whether the directory is relative to another folder than the current one.
    fn leads_elsewhere(&self) -> bool {
        self.directory.is_relative() && !self.directory.join(storage::MAIN).is_dir()
    }
}

/// Chooses the snapshot of the storage that the user asks for, or the first one.
fn choose(
    main: OuterSnapshot,
    others: Vec<OuterSnapshot>,
    asked: Option<&Path>,
) -> Result<OuterSnapshot, Reason> {
    let Some(asked) = asked else {
        return if main.leads_elsewhere() {
            Err(leads_elsewhere(&main.directory))
        } else {
            Ok(main)
        };
    };
    let mut all: Vec<_> = std::iter::once(main).chain(others).collect();
    let is_it = |it: &OuterSnapshot| !it.leads_elsewhere() && is_same(asked, &it.directory);
    if let Some(found) = all.iter().position(is_it) {
        return Ok(all.swap_remove(found));
    }
    if let Some(lost) = all.iter().find(|it| it.leads_elsewhere()) {
        return Err(leads_elsewhere(&lost.directory));
    }
    let known: Vec<_> = all.iter().map(|it| text::path(&it.directory)).collect();
    Err(leftover(format!(
        "this runs inside a snapshot of {}, not of {}",
        known.join(", "),
        text::path(asked)
    )))
}

/// Runs COMMAND inside a snapshot of an outer run.
pub fn run(job: &Job, storage: &Storage, outer: &OuterSnapshot, program: &dyn Program) -> Outcome {
    let seen = match check(storage, outer.code.as_deref()) {
        Ok(seen) => seen,
        Err(reason) => return Outcome::not_run(reason.into()),
    };
    if let Some(signal) = program.stopped() {
        return Outcome::not_run(NotRun::Stopped(signal));
    }
    program.report(describe(storage, &seen, outer.code.as_deref()));
    let environment = Environment { variables: outer.variables.clone(), snapshots: Vec::new() };
    let command = job.command.is_some();
    let command = command.then(|| program.run_command(&environment, None, &mut |_| {}));
    Outcome {
        command: Ok(command),
        broken: snapshot_lock::check_unchanged(storage, &seen).err().into_iter().collect(),
        not_left: Vec::new(),
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

fn lists_of_different_lengths() -> Reason {
    Reason::new(
        "SNAPSHOT_DIRECTORIES, SNAPSHOT_CODES and SNAPSHOT_TIDS have different numbers of lines",
    )
    .hint(
        "if this is not a COMMAND of dsnap: unset SNAPSHOT_VERSION SNAPSHOT_DIRECTORIES SNAPSHOT_CODES SNAPSHOT_TIDS",
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

    fn inherited(directory: &str, lists: Option<[&str; 3]>) -> Inherited {
        let list = |number: usize| lists.map(|lists| OsString::from(lists[number]));
        Inherited {
            version: VERSION.into(),
            directory: Some(directory.into()),
            code: Some("code-a".into()),
            directories: list(0),
            codes: list(1),
            tids: list(2),
        }
    }

    #[test]
    fn an_empty_directory_variable_counts_as_missing() {
        let snapshot = |directory| inherited(directory, None).snapshot(None);
        assert_eq!(snapshot("/srv/ds").unwrap().directory, Path::new("/srv/ds"));
        assert!(snapshot("").unwrap_err().text().contains("SNAPSHOT_DIRECTORY is not"));
        let missing = Inherited { directory: None, ..inherited("", None) };
        assert_eq!(missing.snapshot(None), snapshot(""));
    }

    #[test]
    fn any_storage_of_an_outer_run_with_several_can_be_named() {
        let outer = inherited("/a", Some(["/a\n/b\n/c", "code-a\ncode-b\ncode-c", "00\n\n22"]));
        let named = |dir: &str| outer.snapshot(Some(Path::new(dir)));
        assert_eq!(outer.snapshot(None).unwrap().directory, Path::new("/a"));
        assert_eq!(named("/a").unwrap().variables, []);
        let tid = |dir| named(dir).unwrap().variables[2].1.clone();
        assert_eq!(named("/b").unwrap().code, Some("code-b".into()));
        assert_eq!(named("/b").unwrap().variables[1], ("SNAPSHOT_CODE", Some("code-b".into())));
        assert_eq!((tid("/b"), tid("/c")), (None, Some("22".into())));
        let other = named("/d").unwrap_err();
        assert_eq!(other.text(), "this runs inside a snapshot of /a, /b, /c, not of /d");
    }

    #[test]
    fn lists_of_different_lengths_are_refused() {
        for lists in [["/a\n/b", "x", "1\n2"], ["/a\n/b", "x\ny", ""], ["/a", "x\ny", "1"]] {
            let reason = inherited("/a", Some(lists)).snapshot(None).unwrap_err();
            assert!(reason.text().ends_with("have different numbers of lines"), "{reason}");
        }
    }
}
