//! The findings about a storage: each thing that is wrong, and the next step that cures it.

use dsnap_core::text;

use crate::conf::plan::{Complaint, ComplaintKind};
use crate::diagnosis::facts::{Facts, LookFailed};
use crate::diagnosis::finding::{Finding, Severity};
use crate::diagnosis::lines::{LineAnswer, LineReport};
use crate::diagnosis::state::State;
use crate::diagnosis::subject::{Subject, holder};
use crate::limits::LARGE_B_FILES;
use crate::record::entry::Record;
use crate::record::evidence::Evidence;
use crate::run::session::Session;
use crate::run::{copy, recorded_line};
use crate::storage::main_lock::Openness;

/// Lists the findings, the worst first.
pub(super) fn findings(
    session: &Session<'_>,
    facts: &Facts,
    state: State,
    lines: &[LineReport],
) -> Vec<Finding> {
    let subject = Subject { session, facts, state, lines };
    let mut findings = Vec::new();
    findings.extend(subject.of_state());
    findings.extend(subject.of_lines());
    findings.extend(subject.of_records());
    findings.extend(subject.of_conf());
    findings.extend(subject.of_size());
    findings.sort_by_key(|finding: &Finding| std::cmp::Reverse(finding.severity));
    findings
}

impl Subject<'_> {
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
        findings.extend(self.facts.look_failed.as_ref().map(|failed| self.unread(failed)));
        if self.is_torn_copy() {
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

    /// The file of the runs cannot be read. Once dsnap has run, only its owner and its group may.
    fn unread(&self, failed: &LookFailed) -> Finding {
        let finding = Finding::new(Severity::Unknown, failed.reason.text());
        match &failed.group {
            Some(group) => finding.next(format!(
                "add {} to the group {group}, or {}",
                self.caller(),
                self.as_owner()
            )),
            None => finding.next(self.as_owner()),
        }
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
        let finding = |it: &Complaint| {
            let finding = Finding::of(self.severity_of(it.kind), &it.reason);
            let check = self.command_with("--list-methods");
            if finding.next.is_empty() {
                return finding.next(format!("correct it, and check it with: {check}"));
            }
            finding
        };
        wrong.map(finding).collect()
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
