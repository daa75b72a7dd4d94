//! Leaving: the question, the request, and the confirmation by `misc/snapshot`.

use dsnap_core::method::Left;

use super::answers::{self, Asked};
use super::said::Said;
use super::server::Reply;
use super::state::{By, Leave, Name, Phase, Request, Why};
use super::tool::Tool;
use crate::record::evidence::Evidence;
use crate::run::leave::Shown;
use crate::storage::main_lock::Openness;

impl Tool<'_> {
    /// Begins a try to leave.
    pub(super) fn try_to_leave(&mut self, leave: Leave) -> Option<()> {
        if leave.failed && leave.is_last {
            return None;
        }
        if leave.evidence == Evidence::Here && self.state.openness() == Openness::Closed {
            self.say(Said::ServerEnded);
            self.left(leave);
            return Some(());
        }
        self.say(Said::Leaving);
        match answers::before_leave(self.state, leave.name) {
            Asked::Sent => {
                self.state.send(Request::Leave(leave.name));
                self.phase(Phase::LeaveAsked(leave));
            }
            Asked::Answered(left) => self.judge(leave, &left),
        }
        Some(())
    }

    /// The server has answered the leave.
    pub(super) fn leave_answered(&mut self, leave: Leave, reply: Reply) {
        let left = answers::after_leave(self.state, leave.name, reply);
        self.judge(leave, &left);
    }

    /// Confirms the leave as `EnteredSnapshot` does: by the file where it has shown the code, otherwise
    /// by the answer.
    pub(super) fn judge(&mut self, leave: Leave, left: &Left) {
        let answer = matches!(left, Left::Left);
        let is_left = match leave.evidence {
            Evidence::Here => {
                match Shown::after_leave(&self.state.disk.file.real(), &leave.name.code()) {
                    Shown::Ended => true,
                    Shown::Nothing => answer,
                    Shown::Code => false,
                }
            }
            Evidence::Closed | Evidence::Elsewhere | Evidence::Unknown => answer,
        };
        if !is_left {
            return self.phase(Phase::Leaving(Leave { failed: true, ..leave }));
        }
        self.say(if matches!(leave.why, Why::Orphan(_)) { Said::LeftBehind } else { Said::Left });
        self.left(leave);
    }

    fn left(&mut self, leave: Leave) {
        self.settle(leave.name);
        self.go_on(leave);
    }

    fn settle(&mut self, name: Name) {
        let Name::Run(run, code) = name else { return };
        if self.state.runs[usize::from(run)].record.is_some_and(|record| record.code == code) {
            self.state.write_record(run.into(), None);
        }
    }

    /// Gives up, and says so. The record stays.
    pub(super) fn give_up(&mut self, leave: Leave) -> Option<()> {
        leave.failed.then_some(())?;
        match leave.why {
            Why::Orphan(_) if leave.evidence != Evidence::Elsewhere => self.phase(Phase::Failed),
            Why::Orphan(_) => {
                self.say(Said::NotLeft);
                self.go_on(leave);
            }
            Why::End => {
                self.state.runs[self.run].not_left = true;
                self.go_on(leave);
            }
            Why::Unusable { .. } => {
                self.say(Said::NotLeft);
                self.state.runs[self.run].not_left = true;
                self.go_on(leave);
            }
        }
        Some(())
    }

    fn go_on(&mut self, leave: Leave) {
        self.state.runs[self.run].evidence = Evidence::Unknown;
        match leave.why {
            Why::End => {
                if self.state.runs[self.run].restarted && leave.evidence != Evidence::Here {
                    self.say(Said::ServerStuck);
                }
                self.phase(Phase::Over);
            }
            Why::Unusable { lines, changed } => self.after_unusable(By::Server, changed, lines),
            Why::Orphan(run) => self.phase(Phase::CleaningUp(run + 1)),
        }
    }
}
