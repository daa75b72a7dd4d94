//! The result of `--status`, as JSON for programs; `text` writes it for people.
//!
//! The engine makes the diagnosis; this file only presents it. The schema of the document is
//! `docs/schema/status.schema.json`.

mod text;

use std::path::Path;

use dsnap_core::text::{harmless, path};
use dsnap_engine::diagnosis::{
    Diagnosis, Finding, LineAnswer, LineReport, LockView, Severity, Size, State,
};
use dsnap_engine::system::lock_holders::Holder;
use serde::Serialize;

use super::transaction_id;

/// The version of the JSON document. It changes when a field changes its meaning.
const SCHEMA_VERSION: u32 = 1;

/// The report on several storages.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    schema_version: u32,
    /// The worst severity of all storages.
    severity: &'static str,
    storages: Vec<StorageReport>,
    #[serde(skip)]
    status: u8,
}

/// The report on one storage.
// wide: one field for each value of the JSON document.
#[derive(Debug, Serialize)]
struct StorageReport {
    storage: String,
    severity: &'static str,
    state: &'static str,
    /// `misc/snapshot`: `user/CODE`, `shutdown`, `packing`.
    snapshot: Option<String>,
    /// How old `misc/snapshot` is.
    snapshot_age_seconds: Option<u64>,
    last_transaction: Option<String>,
    server: Option<LockReport>,
    sublock: Option<LockReport>,
    run: Option<LockReport>,
    methods: Vec<MethodReport>,
    unsettled: Vec<String>,
    last_run: Option<LastRunReport>,
    b: Option<SizeReport>,
    journal: Option<SizeReport>,
    file_system: Option<FileSystemReport>,
    findings: Vec<FindingReport>,
}

#[derive(Debug, Serialize)]
struct LockReport {
    /// `held`, `free` or `unknown`.
    state: &'static str,
    pid: Option<i32>,
    program: Option<String>,
    user: Option<String>,
}

#[derive(Debug, Serialize)]
struct MethodReport {
    place: String,
    label: String,
    /// `could_enter`, `in_snapshot`, `busy`, `unavailable`, `refused`, `works_on_files`,
    /// `cannot_tell` or `not_asked`.
    answer: &'static str,
    reason: Option<String>,
    last_entered_seconds_ago: Option<u64>,
}

#[derive(Debug, Serialize)]
struct LastRunReport {
    ended_seconds_ago: u64,
    exit_status: u8,
    entered_by: Option<String>,
}

#[derive(Debug, Serialize)]
struct SizeReport {
    files: u64,
    bytes: u64,
    /// The time for counting was up, so there may be more.
    at_least: bool,
}

#[derive(Debug, Serialize)]
struct FileSystemReport {
    kind: String,
    locks_reach: bool,
}

#[derive(Debug, Serialize)]
struct FindingReport {
    severity: &'static str,
    text: String,
    next: Vec<String>,
}

impl Report {
    /// Makes the report on storages, each with its diagnosis or the reason why it has none.
    pub(crate) fn new<'a>(
        storages: impl IntoIterator<Item = (&'a Path, &'a Result<Diagnosis, Finding>)>,
    ) -> Self {
        let (mut reports, mut worst) = (Vec::new(), Severity::Ready);
        for (dir, diagnosis) in storages {
            let (severity, report) = match diagnosis {
                Ok(diagnosis) => (diagnosis.severity(), StorageReport::of(dir, diagnosis)),
                Err(finding) => (finding.severity, StorageReport::failed(dir, finding)),
            };
            worst = worst.max(severity);
            reports.push(report);
        }
        let (severity, status) = (severity_name(worst), exit_status(worst));
        Self { schema_version: SCHEMA_VERSION, severity, storages: reports, status }
    }

    /// Returns the exit status: that of the worst storage.
    pub(crate) fn status(&self) -> u8 {
        self.status
    }
}

/// Returns the exit status in the shape that monitoring programs expect.
fn exit_status(severity: Severity) -> u8 {
    match severity {
        Severity::Ready => 0,
        Severity::Look => 1,
        Severity::Fails => 2,
        Severity::Unknown => 3,
    }
}

fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Ready => "ready",
        Severity::Look => "look",
        Severity::Fails => "fails",
        Severity::Unknown => "unknown",
    }
}

fn state_name(state: State) -> &'static str {
    match state {
        State::Closed => "closed",
        State::ClosedIncomplete => "closed_incomplete",
        State::Crashed => "crashed",
        State::LeftInSnapshot => "left_in_snapshot",
        State::CrashedPacking => "crashed_packing",
        State::Running => "running",
        State::InSnapshot => "in_snapshot",
        State::Packing => "packing",
        State::Recombining => "recombining",
        State::Stuck => "stuck",
        State::Broken => "broken",
    }
}

/// Writes one line: the storage, and its state.
pub(crate) fn state_line(dir: &Path, diagnosis: &Diagnosis) -> String {
    StorageReport::of(dir, diagnosis).state_line()
}

impl StorageReport {
    fn of(dir: &Path, diagnosis: &Diagnosis) -> Self {
        let Diagnosis { server, sublock, run, last_run, file_system, .. } = diagnosis;
        Self {
            severity: severity_name(diagnosis.severity()),
            state: state_name(diagnosis.state),
            snapshot: diagnosis.code.as_deref().map(harmless),
            snapshot_age_seconds: diagnosis.age.map(|age| age.as_secs()),
            last_transaction: diagnosis.last_transaction.map(transaction_id),
            server: Some(LockReport::of(server)),
            sublock: Some(LockReport::of(sublock)),
            run: Some(LockReport::of(run)),
            methods: diagnosis.lines.iter().map(MethodReport::of).collect(),
            unsettled: diagnosis.unsettled.clone(),
            last_run: last_run.as_ref().map(|(last, ago)| LastRunReport {
                ended_seconds_ago: ago.as_secs(),
                exit_status: last.status,
                entered_by: Some(harmless(&last.entered_by)).filter(|by| !by.is_empty()),
            }),
            b: diagnosis.b.map(SizeReport::of),
            journal: diagnosis.journal.map(SizeReport::of),
            file_system: Some(FileSystemReport {
                kind: file_system.0.clone(),
                locks_reach: file_system.1,
            }),
            findings: diagnosis.findings.iter().map(FindingReport::of).collect(),
            storage: path(dir),
        }
    }

    /// Makes the report on a directory that is no storage or cannot be read.
    fn failed(dir: &Path, finding: &Finding) -> Self {
        Self {
            storage: path(dir),
            severity: severity_name(finding.severity),
            state: "unusable",
            snapshot: None,
            snapshot_age_seconds: None,
            last_transaction: None,
            server: None,
            sublock: None,
            run: None,
            methods: Vec::new(),
            unsettled: Vec::new(),
            last_run: None,
            b: None,
            journal: None,
            file_system: None,
            findings: vec![FindingReport::of(finding)],
        }
    }
}

impl LockReport {
    fn of(lock: &LockView) -> Self {
        let state = match lock {
            LockView::Held(_) => "held",
            LockView::Free => "free",
            LockView::Unknown => "unknown",
        };
        let LockView::Held(Holder::Process { pid, program, user }) = lock else {
            return Self { state, pid: None, program: None, user: None };
        };
        let (program, user) = (Some(program.clone()), Some(user.clone()));
        Self { state, pid: Some(*pid), program, user }
    }
}

impl MethodReport {
    fn of(line: &LineReport) -> Self {
        let (answer, reason) = match &line.answer {
            LineAnswer::CouldEnter => ("could_enter", None),
            LineAnswer::Held(code) => ("in_snapshot", Some(code.clone())),
            LineAnswer::Busy(reason) => ("busy", Some(reason.text().to_owned())),
            LineAnswer::Unavailable(reason) => ("unavailable", Some(reason.text().to_owned())),
            LineAnswer::Refused(reason) => ("refused", Some(reason.text().to_owned())),
            LineAnswer::CannotTell if line.works_on_files => ("works_on_files", None),
            LineAnswer::CannotTell => ("cannot_tell", None),
            LineAnswer::NotAsked => ("not_asked", None),
        };
        Self {
            place: line.location.clone(),
            label: line.label.clone(),
            answer,
            reason,
            last_entered_seconds_ago: line.last_entered.map(|ago| ago.as_secs()),
        }
    }
}

impl SizeReport {
    fn of(size: Size) -> Self {
        let Size { files, bytes, at_least } = size;
        Self { files, bytes, at_least }
    }
}

impl FindingReport {
    fn of(finding: &Finding) -> Self {
        let Finding { severity, text, next } = finding;
        Self { severity: severity_name(*severity), text: text.clone(), next: next.clone() }
    }
}
