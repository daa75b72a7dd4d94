//! What `torture` prints: a table with one row for each trial, and then what is wrong, and what to do.

use std::collections::BTreeMap;

use super::super::print;
use super::faults::Trial;
use super::judge::{Ended, Finding, Observed};
use super::target::Disk;

/// What came of a trial.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The fault happened. Whether the script did right is in `wrong`.
    Tried(Tried),
    /// The moment of the fault did not come.
    NotTried,
}

/// What was seen in a trial.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) disturbed: Observed,
    /// The run after that; none after a fatal finding, and none in the undisturbed trial.
    pub(super) next: Option<Observed>,
    pub(super) wrong: Option<Wrong>,
    /// How the disk was filled.
    pub(super) disk: Disk,
}

/// A finding, and what the script said in the run that it is about.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) finding: Finding,
    pub(super) said: Vec<String>,
}

/// Collects the outcomes.
#[derive(Debug, Default)]
pub(super) struct Report {
    green: usize,
    not_tried: usize,
    /// For each finding: the faults after which it was made, and what the script said after the first.
    red: BTreeMap<Finding, (Vec<&'static str>, Vec<String>)>,
    is_small_files: bool,
}

impl Report {
    /// Prints the head of the table.
    pub(super) fn begin() -> Self {
        print_row(["fault", "the script", "its copy", "the next run", "verdict"]);
        Self::default()
    }

    /// Prints the row of a trial.
    pub(super) fn add(&mut self, trial: &Trial, outcome: Outcome) {
        let Outcome::Tried(tried) = outcome else {
            self.not_tried += 1;
            return print_row([trial.name, "", "", "", "not tried"]);
        };
        let next = tried.next.as_ref().map(next_cell).unwrap_or_default();
        let verdict = if tried.wrong.is_some() { "RED" } else { "green" };
        let (script, copy) =
            (tried.disturbed.ended.to_string(), tried.disturbed.copies.to_string());
        print_row([trial.name, &script, &copy, &next, verdict]);
        self.is_small_files |= tried.disk == Disk::SmallFiles;
        match tried.wrong {
            None => self.green += 1,
            Some(Wrong { finding, said }) => {
                self.red.entry(finding).or_insert((Vec::new(), said)).0.push(trial.name);
            }
        }
    }

    /// Prints what is wrong. Returns whether everything is right.
    pub(super) fn end(self, trials: &[&Trial]) -> bool {
        for (finding, (faults, said)) in &self.red {
            let what = faults.iter().filter_map(|name| trials.iter().find(|it| it.name == *name));
            print::line(format_args!("\nRED: {finding}"));
            what.for_each(|trial| print::line(format_args!("  {}: {}", trial.name, trial.what)));
            print::line(format_args!("  Advice: {}", finding.advice()));
            if !said.is_empty() {
                print::line("  The script said last:");
                said.iter().for_each(|line| print::line(format_args!("    {line}")));
            }
        }
        let red: usize = self.red.values().map(|(faults, _)| faults.len()).sum();
        print::line(format_args!(
            "\n{} green, {red} red, {} not tried",
            self.green, self.not_tried
        ));
        self.print_notes();
        red == 0
    }

    fn print_notes(&self) {
        if self.not_tried > 0 {
            print::line(
                "Not tried: the moment of the fault did not come. COMMAND ended too soon, or dsnap asked no server.",
            );
        }
        if self.is_small_files {
            print::line(
                "disk-full: no disk can be mounted without root, so the script could write only files up to \
                 4 KiB. A copy without larger files is not affected.",
            );
        }
    }
}

/// What the table says about the next run.
fn next_cell(next: &Observed) -> String {
    match (next.ended, &next.snapshot) {
        (Ended::With(0), None) => next.copies.to_string(),
        (Ended::With(0), Some(_)) => "in a snapshot".to_owned(),
        (ended, _) => ended.to_string(),
    }
}

fn print_row([fault, script, copy, next, verdict]: [&str; 5]) {
    print::line(format_args!("{fault:<17} {script:<20} {copy:<20} {next:<20} {verdict}"));
}
