//! The method `direct`: it rolls a storage forward that no process has open, and closes it.

use super::said::Said;
use super::state::{File, Holder, Lines, Phase, Step, number};
use super::tool::Tool;
use crate::storage::main_lock::Openness;

impl Tool<'_> {
    pub(super) fn go_on_directly(&mut self, step: Step, lines: Lines) {
        match step {
            Step::Lock => self.lock_files(lines),
            Step::Look if self.state.disk.file == File::Shutdown && self.is_complete() => {
                self.unlock_files();
                self.done(lines);
            }
            Step::Look => {
                self.state.disk.file = File::Absent;
                self.state.disk.torn = true;
                self.phase(Phase::Direct(Step::Move, lines));
            }
            Step::Move => {
                self.state.all_in_a();
                self.phase(Phase::Direct(Step::Write, lines));
            }
            Step::Write => self.write(lines),
        }
    }

    fn is_complete(&self) -> bool {
        !self.state.disk.backlog
    }

    fn lock_files(&mut self, lines: Lines) {
        self.say(Said::Asking);
        let open = self.state.openness() == Openness::Open;
        if open || self.state.disk.sublock != Holder::Free {
            self.say(Said::LineFailed);
            return self.lines_over(lines);
        }
        self.state.main_lock_taken();
        self.state.disk.sublock = Holder::Run(number(self.run));
        self.phase(Phase::Direct(Step::Look, lines));
    }

    fn write(&mut self, lines: Lines) {
        self.unlock_files();
        if self.state.disk.full {
            self.say(Said::LineFailed);
            return self.lines_over(Lines { refused: true, ..lines });
        }
        self.state.disk.file = File::Shutdown;
        self.done(lines);
    }

    fn unlock_files(&mut self) {
        self.state.disk.sublock = Holder::Free;
    }
}
