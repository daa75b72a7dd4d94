//! The findings about a storage: each thing that is wrong, and the next step that cures it.

use dsnap_core::{Reason, text};

use crate::conf::plan::{Complaint, ComplaintKind};
use crate::diagnosis::facts::{Facts, LockView};
use crate::diagnosis::lines::{LineAnswer, LineReport};
use crate::diagnosis::state::State;
use crate::durations;
use crate::limits::{LARGE_B_FILES, LONG_SNAPSHOT};
use crate::quoting::quoted;
use crate::record::entry::Record;
use crate::record::evidence::Evidence;
use crate::run::session::Session;
use crate::run::{copy, recorded_line};
use crate::storage::main_lock::Openness;
use crate::storage::snapshot_file::Content;
use crate::system::process::Life;
use crate::system::users;

/// How bad something is, in ascending order: of several findings, the greatest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A run works, or waits for something ordinary.
    Ready,
    /// A run works, but somebody should look.
    Look,
    /// Whether a run works cannot be seen from here.
    Unknown,
    /// A run would fail.
    Fails,
}

/// Something that people should know about a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub text: String,
    /// The next step, as a command where there is one.
    pub next: Vec<String>,
}

impl Finding {
    fn new(severity: Severity, text: impl Into<String>) -> Self {
        Self { severity, text: text.into(), next: Vec::new() }
    }

    fn next(mut self, next: impl Into<String>) -> Self {
        self.next.push(next.into());
        self
    }

    /// Makes a finding of a reason; its hints are the next step.
    pub fn of(severity: Severity, reason: &Reason) -> Self {
        Self { severity, text: reason.text().to_owned(), next: reason.hints().to_vec() }
    }
}

/// Lists the findings, the worst first.
pub(super) fn findings(
    session: &Session<'_>,
    facts: &Facts,
    state: State,
    lines: &[LineReport],
) -> Vec<Finding> {
    let patient = Patient { session, facts, state, lines };
    let mut findings = Vec::new();
    findings.extend(patient.of_state());
    findings.extend(patient.of_lines());
    findings.extend(patient.of_records());
    findings.extend(patient.of_conf());
    findings.extend(patient.of_size());
    findings.sort_by_key(|finding: &Finding| std::cmp::Reverse(finding.severity));
    findings
}

struct Patient<'a> {
    session: &'a Session<'a>,
    facts: &'a Facts,
    state: State,
    lines: &'a [LineReport],
}

impl Patient<'_> {
    fn of_state(&self) -> Option<Finding> {
        match self.state {
            State::Closed if self.is_locked_by_a_tool() => Some(self.locked_by_a_tool()),
            State::Closed | State::ClosedIncomplete if self.facts.leftovers.is_none() => {
                Some(self.not_listed())
            }
            State::Closed | State::Running | State::Packing | State::Recombining => None,
            State::ClosedIncomplete => Some(self.to_roll_forward(
                "transactions committed while the server was closing it are missing from A/",
            )),
            State::Crashed => {
                Some(self.to_roll_forward("the last transactions may be missing from A/"))
            }
            State::LeftInSnapshot => Some(self.to_roll_forward(
                "transactions committed after that snapshot was entered are missing from A/",
            )),
            State::CrashedPacking => Some(self.to_roll_forward("the pack is incomplete")),
            State::InSnapshot => self.in_snapshot(),
            State::Stuck => Some(self.stuck()),
            State::Broken => Some(self.broken()),
        }
    }

    /// Judges a storage that must be recovered before its `A/` is a snapshot.
    fn to_roll_forward(&self, what: &str) -> Finding {
        let direct = self.lines.iter().any(|line| line.works_on_files);
        let dir = quoted(self.session.storage.root());
        match (direct, self.facts.server.openness()) {
            (true, Openness::Closed) => {
                Finding::new(Severity::Look, format!("{what}; the next run recovers the storage"))
                    .next(format!("dsnap --storage {dir}"))
            }
            (_, Openness::Unknown) => Finding::new(
                Severity::Unknown,
                format!(
                    "a server that cannot be seen from here may have it open; if none has, {what}"
                ),
            )
            .next(format!(
                "if no server has it open, on any machine: dsnap --storage {dir} --method direct"
            )),
            _ => Finding::new(Severity::Fails, format!("{what}, and no line allows `direct`"))
                .next(format!("dsnap --storage {dir} --method direct")),
        }
    }

    /// A storage that was closed, but perhaps not completely.
    fn not_listed(&self) -> Finding {
        let user = users::user_name(users::effective_user());
        let text = format!(
            "journal/ or B/ cannot be listed by user {user}: whether all that was committed is in A/ is not known"
        );
        Finding::new(Severity::Unknown, text)
            .next("run dsnap as root or as the owner of the storage")
    }

    fn is_locked_by_a_tool(&self) -> bool {
        let mut records = self.facts.look.contents.records.iter();
        self.facts.sublock.is_held()
            && !self.facts.run.is_held()
            && !records.any(|record| self.is_used(record))
    }

    /// Names the process that has locked `misc/sublock` of a closed storage. No run of dsnap has.
    fn locked_by_a_tool(&self) -> Finding {
        let holder = holder(&self.facts.sublock);
        let text = format!("misc/sublock is held by {holder}, and no run of dsnap is going on");
        Finding::new(Severity::Fails, text).next("wait for that process, or end it")
    }

    fn in_snapshot(&self) -> Option<Finding> {
        let Content::User(code) = &self.facts.file.content else { return None };
        let code = String::from_utf8_lossy(code);
        let record = self.facts.look.contents.records.iter().find(|it| it.code.as_str() == code);
        match record {
            _ if self.facts.run.is_held() => self.held_for_long(),
            Some(record) if self.is_used(record) => self.held_for_long(),
            Some(_) => Some(self.left_behind()),
            None => self.entered_by_somebody_else(&code),
        }
    }

    /// Says whether COMMAND of a recorded run may still be running.
    fn is_used(&self, record: &Record) -> bool {
        match record.host.life_of(record.command.as_ref()) {
            Life::Runs => true,
            Life::Unknown => self.facts.sublock.is_held(),
            Life::Ended => false,
        }
    }

    fn held_for_long(&self) -> Option<Finding> {
        let age = self.facts.age.filter(|age| *age >= LONG_SNAPSHOT)?;
        let text = format!(
            "the snapshot is {} old; until it ends, commits pile up in journal/ and B/",
            durations::in_words(age)
        );
        Some(
            Finding::new(Severity::Look, text).next(format!(
                "check that {} is still making progress",
                holder(&self.facts.sublock)
            )),
        )
    }

    fn left_behind(&self) -> Finding {
        Finding::new(
            Severity::Look,
            "a killed run left the storage in this snapshot; the next run leaves it",
        )
        .next(&self.session.job.recover)
    }

    fn entered_by_somebody_else(&self, code: &str) -> Option<Finding> {
        if self.facts.sublock.is_held() {
            return self.held_for_long();
        }
        let long = self.facts.age.is_none_or(|age| age >= LONG_SNAPSHOT);
        let severity = if long { Severity::Fails } else { Severity::Look };
        let text = "no known run of dsnap entered this snapshot, and no process is seen to use it";
        let command = format!("{} --code {}", self.session.job.recover, quoted(code));
        Some(Finding::new(severity, text).next(format!("if nothing uses it any more: {command}")))
    }

    fn stuck(&self) -> Finding {
        let server = holder(&self.facts.server);
        let text = format!(
            "{server} was started while a snapshot was in use: it cannot write to A/, and cannot enter a snapshot"
        );
        Finding::new(Severity::Fails, text)
            .next(format!("restart {server} while no process has misc/sublock locked"))
    }

    fn broken(&self) -> Finding {
        let text = format!("misc/snapshot is {}", self.facts.file.content);
        let mut records = self.facts.look.contents.records.iter();
        // The next run asks the server for the snapshot that a killed run left behind.
        let is_ours = self.facts.file.content == Content::Empty
            && records.any(|record| record.evidence == Evidence::Here);
        let open = self.facts.server.is_held();
        let severity = if open && is_ours { Severity::Look } else { Severity::Fails };
        let finding = Finding::new(severity, text);
        if open {
            return finding
                .next(&self.session.job.recover)
                .next(format!("if that does not help: restart {}", holder(&self.facts.server)));
        }
        let dir = quoted(self.session.storage.root());
        finding.next(format!("dsnap --storage {dir} --method direct"))
    }

    /// Lists the lines that cannot reach the server, while one has the storage open or may have.
    fn of_lines(&self) -> Vec<Finding> {
        if self.facts.server.openness() == Openness::Closed || self.state == State::Stuck {
            return Vec::new();
        }
        let servers: Vec<_> = self.lines.iter().filter(|line| !line.works_on_files).collect();
        let works = |line: &&&LineReport| {
            !matches!(line.answer, LineAnswer::Refused(_) | LineAnswer::Unavailable(_))
        };
        let one_works = servers.iter().find(works).is_some();
        let severity = if one_works { Severity::Look } else { Severity::Fails };
        let failed = |line: &&LineReport| match &line.answer {
            LineAnswer::Refused(reason) | LineAnswer::Unavailable(reason) => {
                Some(Finding::of(severity, reason))
            }
            _ => None,
        };
        let mut findings: Vec<_> = servers.iter().filter_map(failed).collect();
        let unread = self.session.plan.complaints.iter().any(Complaint::is_of_unreadable_file);
        if servers.is_empty() && self.facts.server.is_held() && !unread {
            let text = format!(
                "{} has the storage open, and no line in {} asks it",
                holder(&self.facts.server),
                self.session.plan.source
            );
            findings.push(
                Finding::new(Severity::Fails, text)
                    .next("add a line that asks it, for example `http URL ACCESS`"),
            );
        }
        findings
    }

    fn of_records(&self) -> Vec<Finding> {
        let look = &self.facts.look;
        let mut findings: Vec<_> =
            look.contents.records.iter().filter_map(|it| self.of_record(it)).collect();
        let unread = self.facts.look_failed.as_ref();
        findings.extend(unread.map(|reason| Finding::of(Severity::Unknown, reason)));
        if look.is_copy && !copy::is_complete(self.session.storage) {
            findings.push(Finding::of(
                Severity::Fails,
                &copy::may_be_torn(self.session.storage, self.session.job),
            ));
        }
        if look.damaged > 0 {
            let text = format!("misc/dsnap.lock has lines that cannot be read ({})", look.damaged);
            findings.push(Finding::new(Severity::Look, text).next(&self.session.job.recover));
        }
        findings
    }

    fn of_record(&self, record: &Record) -> Option<Finding> {
        let Record { code, label, .. } = record;
        let label = text::harmless(label);
        let text = match record.evidence {
            Evidence::Elsewhere => format!(
                "a run entered the snapshot user/{code} of another storage using {label}, and could not leave it"
            ),
            Evidence::Closed => format!(
                "a run stopped the server using {label}, and was killed before it started the server again"
            ),
            Evidence::Here | Evidence::Unknown => return None,
        };
        if self.facts.run.is_held() || self.is_used(record) {
            return None;
        }
        // Only the line that stopped the server starts it again.
        if record.evidence == Evidence::Closed
            && recorded_line::step(self.session, record).is_none()
        {
            let next = recorded_line::how_to_give_again(self.session, record);
            return Some(
                Finding::new(Severity::Fails, format!("{text}; that line is gone")).next(next),
            );
        }
        Some(Finding::new(Severity::Look, text).next(&self.session.job.recover))
    }

    fn of_conf(&self) -> Vec<Finding> {
        let complaints = self.session.plan.complaints.iter();
        let wrong = complaints.filter(|complaint| complaint.kind != ComplaintKind::NoDefault);
        wrong.map(|it| Finding::of(self.severity_of(it.kind), &it.reason)).collect()
    }

    /// Where a server has the storage open, only a line of the conf can ask it.
    fn severity_of(&self, complaint: ComplaintKind) -> Severity {
        match complaint {
            _ if self.facts.server.openness() == Openness::Closed => Severity::Look,
            ComplaintKind::Unreadable => Severity::Unknown,
            ComplaintKind::NamedUnreadable => Severity::Fails,
            ComplaintKind::NoDefault | ComplaintKind::Lines => Severity::Look,
        }
    }

    fn of_size(&self) -> Option<Finding> {
        let b = self.facts.b.filter(|b| b.files >= LARGE_B_FILES || b.at_least)?;
        let text = format!(
            "B/ contains at least {} files; until the server has merged them into A/, it cannot enter another snapshot",
            b.files
        );
        Some(Finding::new(Severity::Look, text))
    }
}

fn holder(lock: &LockView) -> String {
    match lock {
        LockView::Held(holder) => holder.to_string(),
        LockView::Free | LockView::Unknown => "a process that cannot be seen from here".to_owned(),
    }
}
