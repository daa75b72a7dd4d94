//! The findings that follow from the state of a storage, and their next steps.

use crate::diagnosis::finding::{Finding, Severity};
use crate::diagnosis::state::State;
use crate::diagnosis::subject::{Subject, SublockUser, end, holder};
use crate::durations;
use crate::limits::LONG_SNAPSHOT;
use crate::quoting::quoted;
use crate::record::evidence::Evidence;
use crate::run::advice;
use crate::storage::main_lock::Openness;
use crate::storage::snapshot_file::Content;

const NOT_IN_A: &str = "are missing from A/";

impl Subject<'_> {
    pub(super) fn of_state(&self) -> Option<Finding> {
        match self.state {
            // Nothing is recovered there, and another finding says what to do.
            _ if self.is_torn_copy() => None,
            State::Closed if self.sublock_user().is_some() => self.locked(),
            State::Closed | State::ClosedIncomplete if self.facts.leftovers.is_none() => {
                Some(self.not_listed())
            }
            State::Closed if self.may_be_open_unseen() => {
                Some(self.to_recover("it was closed cleanly"))
            }
            State::Closed | State::Running => None,
            State::ClosedIncomplete => Some(self.to_recover(&format!(
                "transactions committed while the server was closing it {NOT_IN_A}"
            ))),
            State::Crashed => Some(self.to_recover("the last transactions may be missing from A/")),
            State::LeftInSnapshot => Some(self.to_recover(&format!(
                "transactions committed after that snapshot was entered {NOT_IN_A}"
            ))),
            State::CrashedPacking => Some(self.to_recover("the pack is incomplete")),
            State::InSnapshot => self.in_snapshot(),
            State::Packing => Some(self.to_wait("a run can begin when the pack has ended", "6h")),
            State::Recombining => Some(
                Finding::new(
                    Severity::Ready,
                    "a run waits up to 5 minutes for it, without -t, too",
                )
                .next(format!("to wait for its end: {}", self.command_with(""))),
            ),
            State::Stuck => Some(self.stuck()),
            State::Broken => Some(self.broken()),
        }
    }

    fn to_wait(&self, text: &str, time: &str) -> Finding {
        let command = self.command_with(&format!("-t {time}"));
        Finding::new(Severity::Ready, text).next(format!("to wait for its end: {command}"))
    }

    /// Says whether a server on another machine may have the storage open, so that a run would use its
    /// files only by a line `direct`.
    fn may_be_open_unseen(&self) -> bool {
        !self.facts.locks_reach && !self.lines.iter().any(|line| line.works_on_files)
    }

    /// Judges a storage that must be recovered before its `A/` is a snapshot.
    fn to_recover(&self, what: &str) -> Finding {
        let direct = self.lines.iter().any(|line| line.works_on_files);
        let openness = self.facts.server.openness();
        let recover = advice::recover_command(self.session.storage);
        match (direct, openness) {
            (true, Openness::Closed) => {
                let text = format!("{what}; the next run recovers the storage");
                Finding::new(Severity::Look, text).next(self.command_with(""))
            }
            (_, Openness::Unknown) => {
                let text = format!(
                    "a server that cannot be seen from here may have it open; if none has, {what}"
                );
                Finding::new(Severity::Unknown, text)
                    .next(advice::recover(self.session.storage, openness))
            }
            _ => {
                let text = format!("{what}, and no line allows `direct`");
                Finding::new(Severity::Fails, text).next(recover)
            }
        }
    }

    /// A storage that was closed, but perhaps not completely.
    fn not_listed(&self) -> Finding {
        let text = format!(
            "journal/ or B/ cannot be listed by {}: whether all that was committed is in A/ is not known",
            self.caller()
        );
        Finding::new(Severity::Unknown, text).next(self.as_owner())
    }

    /// A closed storage whose `misc/sublock` somebody holds. No run of dsnap is going on.
    fn locked(&self) -> Option<Finding> {
        let by = holder(&self.facts.sublock);
        let end = end(&self.facts.sublock);
        let (severity, text, next) = match self.sublock_user()? {
            SublockUser::Command => return Some(self.used_by_command()),
            SublockUser::LeftBehind => (
                Severity::Fails,
                format!("misc/sublock is held by {by}, which COMMAND of a killed run left behind"),
                end,
            ),
            SublockUser::Other => (
                Severity::Fails,
                format!("misc/sublock is held by {by}, and no run of dsnap is going on"),
                format!("wait for it, or {end}"),
            ),
        };
        Some(Finding::new(severity, text).next(next))
    }

    fn used_by_command(&self) -> Finding {
        let by = holder(&self.facts.sublock);
        let text = format!("{by}, COMMAND of a killed run, still uses the snapshot");
        let next = format!("wait for it, or {}", end(&self.facts.sublock));
        Finding::new(Severity::Ready, text).next(next)
    }

    fn in_snapshot(&self) -> Option<Finding> {
        let Content::User(code) = &self.facts.file.content else { return None };
        let code = String::from_utf8_lossy(code);
        let record = self.facts.look.contents.records.iter().find(|it| it.code.as_str() == code);
        match record {
            _ if self.facts.run.is_held() => self.held_for_long(),
            Some(record) if self.is_used(record) => {
                self.held_for_long().or_else(|| Some(self.used_by_command()))
            }
            Some(_) if self.sublock_user().is_some() => Some(self.kept_by_a_child()),
            Some(_) => Some(self.left_behind()),
            None => Some(self.entered_by_somebody_else(&code)),
        }
    }

    fn held_for_long(&self) -> Option<Finding> {
        let age = self.facts.age.filter(|age| *age >= LONG_SNAPSHOT)?;
        let text = format!(
            "the snapshot is {} old; until it ends, commits pile up in journal/ and B/",
            durations::in_words(age)
        );
        let by = holder(&self.facts.sublock);
        let next = format!("check that {by} is still making progress");
        Some(Finding::new(Severity::Look, text).next(next))
    }

    /// COMMAND of a killed run has ended, and what it started has inherited the lock.
    fn kept_by_a_child(&self) -> Finding {
        let text = format!(
            "{}, which COMMAND of a killed run left behind, keeps the server from leaving the snapshot",
            holder(&self.facts.sublock)
        );
        Finding::new(Severity::Fails, text).next(end(&self.facts.sublock))
    }

    fn left_behind(&self) -> Finding {
        let text = "a killed run left the storage in this snapshot; the next run leaves it";
        Finding::new(Severity::Look, text).next(&self.session.job.recover)
    }

    fn entered_by_somebody_else(&self, code: &str) -> Finding {
        if self.facts.sublock.is_held() {
            let used = || {
                let text = format!("{} uses this snapshot", holder(&self.facts.sublock));
                self.to_wait(&text, "1h")
            };
            return self.held_for_long().unwrap_or_else(used);
        }
        let long = self.facts.age.is_none_or(|age| age >= LONG_SNAPSHOT);
        let severity = if long { Severity::Fails } else { Severity::Look };
        let text = "no known run of dsnap entered this snapshot, and no process is seen to use it";
        let command = self.command_with(&format!("--recover --code {}", quoted(code)));
        Finding::new(severity, text).next(format!("if nothing uses it any more: {command}"))
    }

    fn stuck(&self) -> Finding {
        let server = holder(&self.facts.server);
        let text = format!(
            "{server} was started while a snapshot was in use: it cannot write to A/, and cannot enter a snapshot"
        );
        let finding = Finding::new(Severity::Fails, text)
            .next(format!("restart {server} while no process has misc/sublock locked"));
        if self.sublock_user().is_none() {
            return finding;
        }
        let by = holder(&self.facts.sublock);
        finding.next(format!("{by} has it locked; before that, {}", end(&self.facts.sublock)))
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
        finding.next(advice::recover_command(self.session.storage))
    }
}
