//! What `torture` prints: a table with one row for each trial, then each mistake that it found, with advice.

use std::collections::BTreeMap;

use super::super::print;
use super::faults::Trial;
use super::judge::{Ended, Finding, Observed};
use super::target::Disk;

/// How a trial ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The fault happened.
    Tried(Tried),
    /// The moment of the fault did not come.
    NotTried,
}

/// What was seen in a trial.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) disturbed: Observed,
    /// The run after that. `None` in the undisturbed trial, and if the disturbed run is red already.
    pub(super) next: Option<Observed>,
    /// What is wrong. `None` if the verdict is green.
    pub(super) red: Option<RedVerdict>,
    /// How the disk was filled.
    pub(super) disk: Disk,
}

/// A finding, and the last lines that the script printed in that run.
#[derive(Debug)]
pub(super) struct RedVerdict {
    pub(super) finding: Finding,
    pub(super) output: Vec<String>,
}

/// Collects the outcomes.
#[derive(Debug, Default)]
pub(super) struct Report {
    green: usize,
    not_tried: usize,
    /// For each finding, the faults that led to it, and the output of the script after the first of them.
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
        let verdict = if tried.red.is_some() { "RED" } else { "green" };
        let (script, copy) =
            (tried.disturbed.ended.to_string(), tried.disturbed.copies.to_string());
        print_row([trial.name, &script, &copy, &next, verdict]);
        self.is_small_files |= tried.disk == Disk::SmallFiles;
        match tried.red {
            None => self.green += 1,
            Some(RedVerdict { finding, output }) => {
                self.red.entry(finding).or_insert((Vec::new(), output)).0.push(trial.name);
            }
        }
    }

    /// Prints each finding with its advice. Returns whether no verdict is red.
    pub(super) fn end(self, trials: &[&Trial]) -> bool {
        for (finding, (faults, output)) in &self.red {
            let what = faults.iter().filter_map(|name| trials.iter().find(|it| it.name == *name));
            print::line(format_args!("\nRED: {finding}"));
            what.for_each(|trial| print::line(format_args!("  {}: {}", trial.name, trial.what)));
            print::line(format_args!("  Advice: {}", finding.advice()));
            if !output.is_empty() {
                print::line("  The last lines of its output:");
                output.iter().for_each(|line| print::line(format_args!("    {line}")));
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
                "Not tried: the moment of the fault did not come, because COMMAND ended too soon or dsnap asked no \
                 server. The verdict says nothing about this fault.",
            );
        }
        if self.is_small_files {
            print::line(
                "disk-full: a full disk could not be mounted, which usually takes root. Instead, the script could \
                 only write files of up to 4 KiB, so a copy without larger files met no fault.",
            );
        }
    }
}

/// Returns what the table shows for the next run.
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
