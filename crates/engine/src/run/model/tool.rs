//! The steps of a run, in the order of `run.rs`: run lock, clean up, enter, sublock, fresh, COMMAND,
//! unlock. `leaving` and `cleaning` have the rest.

use dsnap_core::method::Entered;

use super::answers::{self, Asked};
use super::said::Said;
use super::server::Reply;
use super::site::{Conf, Site};
use super::state::{
    By, File, Holder, Leave, Lines, Name, Phase, Record, Request, State, Step, Used, Why, number,
};
use crate::record::evidence::Evidence;
use crate::run::enter::is_settled;
use crate::run::pending_enter;
use crate::storage::freshness::{self, MethodOutcome, Verdict};
use crate::storage::main_lock::Openness;
use crate::storage::snapshot_file::Content;

/// A step of one run.
pub(super) struct Tool<'a> {
    pub(super) site: &'a Site,
    pub(super) state: &'a mut State,
    pub(super) run: usize,
    pub(super) said: &'a mut Vec<Said>,
}

impl Tool<'_> {
    pub(super) fn say(&mut self, said: Said) {
        self.said.push(said);
    }

    pub(super) fn name(&self) -> Name {
        self.state.name(self.run)
    }

    pub(super) fn phase(&mut self, phase: Phase) {
        self.state.runs[self.run].phase = phase;
    }

    /// Takes the run lock, unless another run holds it. A new code is a new beginning.
    pub(super) fn take_run_lock(&mut self) -> Option<()> {
        let others = self.state.runs.iter().any(super::state::Run::is_inside);
        if self.state.runs[self.run].tries >= self.site.tries || others && self.site.rules.run_lock
        {
            return None;
        }
        let backlog = self.state.disk.backlog;
        let run = &mut self.state.runs[self.run];
        let unknown = |record: Record| record.evidence == Evidence::Unknown;
        if !run.record.is_some_and(unknown) {
            (run.owes, run.code) = (backlog, run.tries);
        }
        run.tries += 1;
        self.phase(Phase::CleaningUp(0));
        Some(())
    }

    /// Writes down that a snapshot is about to be entered, if there is a server to ask.
    pub(super) fn record(&mut self, lines: Lines) {
        if self.state.openness() == Openness::Closed {
            self.say(Said::LineFailed);
            return self.direct(Lines { passed_over: true, ..lines });
        }
        if self.state.disk.full {
            self.say(Said::LineFailed);
            return self.direct(lines);
        }
        let code = self.state.runs[self.run].code;
        let earlier = self.state.runs[self.run].record.is_some_and(|it| it.code == code);
        let lines = Lines { earlier, ..lines };
        let record = Record { code, evidence: Evidence::Unknown, restarted: false };
        self.state.write_record(self.run, Some(record));
        self.say(Said::Asking);
        self.phase(Phase::Asking(lines));
    }

    /// Asks the server what it does, and sends the enter if that is nothing.
    pub(super) fn ask(&mut self, lines: Lines) {
        let name = self.name();
        match answers::before_enter(self.state, name) {
            Asked::Sent => {
                self.state.send(Request::Enter(name));
                self.asked();
                self.phase(Phase::Asked(lines));
            }
            Asked::Answered(entered) => self.line_ended(&entered, lines),
        }
    }

    /// Notes that the server that has the storage open now is the one that was asked. The code knows
    /// that only when the method returns. A run that is killed before that, after a restart between
    /// record and request, is not in the model.
    fn asked(&mut self) {
        if let Some(record) = &mut self.state.runs[self.run].record {
            record.restarted = false;
        }
    }

    /// The server has answered the enter.
    pub(super) fn enter_answered(&mut self, reply: Reply, lines: Lines) {
        let name = self.name();
        let entered = answers::after_enter(self.state, name, reply);
        self.line_ended(&entered, lines);
    }

    /// Goes on after the line of the server.
    pub(super) fn line_ended(&mut self, entered: &Entered, lines: Lines) {
        let unknown = matches!(entered, Entered::Unknown(_));
        match entered {
            Entered::Held => return self.entered(By::Server, Evidence::Elsewhere, lines),
            entered if is_settled(entered, lines.earlier) => {
                self.state.write_record(self.run, None);
            }
            _ => {}
        }
        self.say(Said::LineFailed);
        self.direct(Lines { unknown, earlier: false, ..lines });
    }

    fn entered(&mut self, by: By, evidence: Evidence, lines: Lines) {
        self.say(Said::Entered);
        if by == By::Server {
            self.state.set_evidence(self.run, evidence);
        }
        self.phase(Phase::Entered(by, lines));
    }

    /// Goes on to the last line.
    fn direct(&mut self, lines: Lines) {
        match self.site.runs[self.run] {
            Conf::Direct => self.phase(Phase::Direct(Step::Lock, lines)),
            Conf::Accepting => self.lines_over(lines),
        }
    }

    /// `direct` has closed the storage.
    pub(super) fn done(&mut self, lines: Lines) {
        self.entered(By::Files, Evidence::Unknown, lines);
    }

    /// Goes on when no line has brought a fresh snapshot.
    pub(super) fn lines_over(&mut self, lines: Lines) {
        if !lines.last && lines.passed_over && self.state.server.up {
            return self.phase(Phase::Recording(Lines { last: true, ..Lines::default() }));
        }
        if lines.unknown {
            self.say(Said::AwaitsEnter);
            return self.phase(Phase::Pending(lines));
        }
        self.phase(Phase::WithoutMethod(lines));
    }

    /// Waits for an enter without an answer, as `pending_enter` does. `None` while nothing is known.
    pub(super) fn await_enter(&mut self, lines: Lines) -> Option<()> {
        if !self.site.rules.awaits_enter {
            self.leave(Why::Unusable { lines, changed: false });
            return Some(());
        }
        let (name, closed) = (self.name(), self.state.openness() == Openness::Closed);
        let (file, over) = (self.state.disk.file.real(), self.enter_is_over(name));
        match pending_enter::effect(&file, &name.code(), false, || over, || closed)? {
            Some(evidence) => {
                let settled = Lines { last: true, unknown: false, settled: true, ..lines };
                self.entered(By::Server, evidence, settled);
            }
            None => {
                self.state.write_record(self.run, None);
                self.phase(Phase::WithoutMethod(lines));
            }
        }
        Some(())
    }

    /// Says whether the enter under a name is seen to be over when `misc/snapshot` shows it: `misc/sublock`
    /// is free, or so much time has gone by that a live server has ended it.
    pub(super) fn enter_is_over(&self, name: Name) -> bool {
        let entering = self.state.server.entering.is_some_and(|it| it.name() == name);
        self.state.disk.sublock == Holder::Free || !entering
    }

    /// The time is up in which an enter is waited for.
    pub(super) fn may_still_come(&mut self, lines: Lines) -> Option<()> {
        let shown = self.state.disk.file.real().may_be_held_by(&self.name().code());
        (!shown).then_some(())?;
        self.say(Said::MayStillCome);
        self.phase(Phase::WithoutMethod(lines));
        Some(())
    }

    /// Reads `misc/snapshot` before anything is locked.
    pub(super) fn look(&mut self, by: By, lines: Lines) {
        match self.verdict(by) {
            Verdict::Fresh => self.phase(Phase::Locking(by, lines)),
            other => self.unusable(by, other == Verdict::ServerCameUp, lines),
        }
    }

    /// Locks `misc/sublock`, and looks again.
    pub(super) fn lock(&mut self, by: By, lines: Lines) {
        if self.state.disk.sublock != Holder::Free {
            return self.unusable(by, false, lines);
        }
        match self.verdict(by) {
            Verdict::Fresh => {
                let used = if by == By::Server { Used::Entered } else { Used::Closed };
                self.locked(used);
            }
            other => self.unusable(by, other == Verdict::ServerCameUp, lines),
        }
    }

    fn locked(&mut self, used: Used) {
        self.state.disk.sublock = Holder::Run(number(self.run));
        self.state.runs[self.run].restarted = false;
        self.say(Said::Locked);
        self.phase(Phase::Locked(used));
    }

    /// Judges `misc/snapshot` by the real table, and remembers what it has shown.
    fn verdict(&mut self, by: By) -> Verdict {
        let (code, file) = (self.name().code(), self.state.disk.file.real());
        if by == By::Files {
            return self.verdict_after(MethodOutcome::Done);
        }
        let known = self.state.runs[self.run].evidence;
        self.state.set_evidence(self.run, known.observe(&file, &code, false));
        self.verdict_after(MethodOutcome::Held(&code))
    }

    fn verdict_after(&self, outcome: MethodOutcome<'_>) -> Verdict {
        let content = self.state.disk.file.real().content;
        let left = match content {
            Content::Shutdown => self.state.leftovers(),
            _ => crate::storage::Leftovers::default(),
        };
        freshness::verdict(outcome, &content, left)
    }

    /// Leaves what cannot be used, and goes on.
    fn unusable(&mut self, by: By, changed: bool, lines: Lines) {
        let changed = changed && !lines.last;
        if by == By::Server && self.site.rules.leaves_unusable {
            return self.leave(Why::Unusable { lines, changed });
        }
        if by == By::Server {
            // Who does not leave has no record either.
            self.state.runs[self.run].record = None;
        }
        self.after_unusable(by, changed, lines);
    }

    /// Goes on after a snapshot that could not be used.
    pub(super) fn after_unusable(&mut self, by: By, changed: bool, lines: Lines) {
        if changed {
            return self.phase(Phase::Recording(Lines { last: true, ..Lines::default() }));
        }
        self.say(Said::LineFailed);
        match by {
            By::Server if !lines.settled => self.direct(lines),
            _ => self.phase(Phase::WithoutMethod(lines)),
        }
    }

    /// Uses the storage as it is, if no method worked: closed and complete, or accepted.
    pub(super) fn without_method(&mut self, lines: Lines) {
        let closed = self.state.openness() == Openness::Closed;
        let outcome = MethodOutcome::Nothing { files_refused: lines.refused, closed };
        let accepts = self.site.runs[self.run] == Conf::Accepting;
        let old = matches!(self.state.disk.file, File::User(_) | File::Shutdown);
        let used = match self.verdict_after(outcome) {
            Verdict::Fresh => Used::Closed,
            Verdict::NotFresh if accepts => Used::Accepted { was_open: !closed },
            // The original runs in whatever it finds.
            _ if old && !self.site.rules.refuses_old => Used::Closed,
            _ => return self.phase(Phase::Failed),
        };
        if self.state.disk.sublock != Holder::Free {
            return self.phase(Phase::Failed);
        }
        if matches!(used, Used::Accepted { .. }) {
            self.say(Said::Accepted);
        }
        self.locked(used);
    }

    pub(super) fn begin_command(&mut self, used: Used) {
        self.state.runs[self.run].command = true;
        self.say(Said::Command);
        self.phase(Phase::Running(used));
    }

    /// Unlocks `misc/sublock`, and leaves what this run entered.
    pub(super) fn unlock(&mut self, used: Used) {
        if self.state.disk.sublock == Holder::Run(number(self.run)) {
            self.state.disk.sublock = Holder::Free;
        }
        self.say(Said::Unlocked);
        if used == Used::Entered {
            return self.leave(Why::End);
        }
        let was_open = used == Used::Accepted { was_open: true };
        if self.state.runs[self.run].restarted && !was_open {
            self.say(Said::ServerStuck);
        }
        self.phase(Phase::Over);
    }

    fn leave(&mut self, why: Why) {
        let evidence = self.state.runs[self.run].evidence;
        let restarted = self.state.runs[self.run].restarted && why == Why::End;
        let is_last = restarted && evidence == Evidence::Here;
        let name = self.name();
        self.phase(Phase::Leaving(Leave { name, evidence, why, is_last, failed: false }));
    }
}
