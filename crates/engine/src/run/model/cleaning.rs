//! Cleaning up after earlier runs: what is due for each record is decided by the real function.

use super::state::{Leave, Lines, Name, Phase, Record, Why, number};
use super::tool::Tool;
use crate::record::evidence::Evidence;
use crate::run::due::{Due, Found};

impl Tool<'_> {
    /// Looks at the record of the run with this number.
    pub(super) fn clean_up(&mut self, number: u8) -> Option<()> {
        let other = usize::from(number);
        if other >= self.state.runs.len() || !self.site.rules.cleans_up {
            self.phase(Phase::Recording(Lines::default()));
            return Some(());
        }
        let next = Phase::CleaningUp(number + 1);
        match self.due(other) {
            None | Some(Due::Nothing) => self.phase(next),
            Some(Due::Settle) => {
                self.state.write_record(other, None);
                self.phase(next);
            }
            Some(Due::Leave) => return self.leave_orphan(number),
            Some(Due::LeaveElsewhere) => return self.leave_of(number, Evidence::Elsewhere),
            Some(Due::OpenAgain) => unreachable!("no method of the model closes the storage"),
        }
        Some(())
    }

    fn due(&self, other: usize) -> Option<Due> {
        let record = self.state.runs[other].record?;
        let name = Name::Run(number(other), record.code);
        if name == self.name() {
            return None;
        }
        let found = Found {
            code: &name.code(),
            evidence: record.evidence,
            may_close: false,
            file: &self.state.disk.file.real(),
            openness: self.state.openness(),
            restarted: &|| record.restarted,
        };
        Some(found.due())
    }

    /// Leaves a snapshot whose COMMAND is gone, once its enter is known to be over.
    fn leave_orphan(&mut self, number: u8) -> Option<()> {
        let other = usize::from(number);
        if self.state.runs[other].command {
            self.phase(Phase::Failed);
            return Some(());
        }
        let record = self.state.runs[other].record?;
        if record.evidence == Evidence::Unknown {
            self.enter_is_over(Name::Run(number, record.code)).then_some(())?;
            self.state.write_record(other, Some(Record { evidence: Evidence::Here, ..record }));
        }
        self.leave_of(number, Evidence::Here)
    }

    fn leave_of(&mut self, number: u8, evidence: Evidence) -> Option<()> {
        let code = self.state.runs[usize::from(number)].record?.code;
        let (name, why) = (Name::Run(number, code), Why::Orphan(number));
        self.phase(Phase::Leaving(Leave { name, evidence, why, is_last: false, failed: false }));
        Some(())
    }
}
