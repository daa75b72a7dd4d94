//! `dsnap-testkit torture`: runs a backup script again and again, each time with another fault.
//!
//! Each fault has a site and a target of its own. After it, the script runs once more undisturbed.
//! Dependencies between the files point down this list only: `report`; `disturbance`; `stage`; `advice`;
//! `judge`; `copies`, `target`, `process` and `faults` stand alone.

mod advice;
mod copies;
mod disturbance;
mod faults;
mod judge;
mod process;
mod report;
mod stage;
mod target;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueHint};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use super::print;
use super::site::SiteOptions;
use copies::Copies;
use faults::{ALL, Fault, Trial};
use judge::{Observed, WhichRun};
use report::{Outcome, RedVerdict, Report, Tried};
use stage::{Script, Stage};

/// How often a trial is begun until the moment of its fault comes. COMMAND may end before it can be stopped.
const ATTEMPTS: usize = 3;
/// How many lines of a script's output a report shows.
const OUTPUT_LINES: usize = 4;

#[derive(Args)]
#[command(
    after_help = "The script finds the variables of `dsnap-testkit run`, and DSNAP_TESTKIT_TARGET: an empty folder \
    for its backups. A copy is a folder below it that contains A/, or a tar file of one. For any other format, \
    --restore names a script that restores the newest backup to the folder in DSNAP_TESTKIT_RESTORED, which is \
    its working directory.\n\n\
    After each fault, the script runs once more, undisturbed, and must succeed. A disturbed run may fail, but then \
    it must not exit with 0. A script that exits with 0 must have made a whole copy: every transaction committed \
    before the run, and no partial ones. It must also have left no snapshot. Otherwise, the verdict is red.\n\n\
    The exit status is 0 if no verdict is red, 1 if one is, and 2 if the site or the script cannot be started."
)]
pub(crate) struct TortureArgs {
    #[command(flatten)]
    options: SiteOptions,
    /// Try only this fault (repeatable); `--list` shows all faults
    #[arg(long, value_name = "FAULT", hide_possible_values = true)]
    #[arg(value_parser = PossibleValuesParser::new(ALL.map(|trial| trial.name)))]
    only: Vec<String>,
    /// List the faults, and what each one does
    #[arg(long)]
    list: bool,
    /// Restore each backup with this script, and judge the restored folder
    #[arg(long, value_name = "SCRIPT", value_hint = ValueHint::FilePath)]
    restore: Option<PathBuf>,
    /// Seconds that one run of the script may take
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    limit: u64,
    /// The backup script and its arguments
    #[arg(required_unless_present = "list", last = true, value_name = "SCRIPT")]
    script: Vec<OsString>,
}

/// Runs the trials, and prints their verdicts.
pub(crate) fn run(args: &TortureArgs) -> io::Result<ExitCode> {
    if args.list {
        ALL.iter().for_each(|it| print::line(format_args!("{:<17} {}", it.name, it.what)));
        return Ok(ExitCode::SUCCESS);
    }
    let script = args.script()?;
    let trials: Vec<_> = ALL.iter().filter(|trial| args.wants(trial)).collect();
    let mut report = Report::begin();
    for trial in &trials {
        let outcome = try_fault(trial, &args.options, &script)?;
        let fails_alone = trial.fault == Fault::Nothing
            && matches!(&outcome, Outcome::Tried(Tried { red: Some(_), .. }));
        report.add(trial, outcome);
        if fails_alone {
            // Every other trial would say the same.
            break;
        }
    }
    Ok(if report.end(&trials) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl TortureArgs {
    fn wants(&self, trial: &Trial) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == trial.name)
    }

    /// Returns the script to run. A signal to this program also ends the script.
    fn script(&self) -> io::Result<Script> {
        let stop = Arc::default();
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            flag::register(signal, Arc::clone(&stop))?;
        }
        let restore = self.restore.as_deref().map(std::path::absolute).transpose()?;
        let limit = Duration::from_secs(self.limit);
        Ok(Script { words: self.script.clone(), restore, limit, stop })
    }
}

/// Tries a fault, and tries again if its moment did not come.
fn try_fault(trial: &Trial, options: &SiteOptions, script: &Script) -> io::Result<Outcome> {
    for _ in 0..ATTEMPTS {
        let mut stage = Stage::new(script, options, trial.fault == Fault::FullDisk)?;
        let tried = try_once(trial.fault, &mut stage);
        let ended = stage.end();
        if let Some(tried) = tried? {
            return ended.map(|()| Outcome::Tried(tried));
        }
    }
    Ok(Outcome::NotTried)
}

/// Runs the script with the fault, and then once more. `None` if the moment of the fault did not come.
fn try_once(fault: Fault, stage: &mut Stage<'_>) -> io::Result<Option<Tried>> {
    let disk = stage.target.disk();
    let Some(mut disturbed) = run_once(fault, stage)? else { return Ok(None) };
    if fault == Fault::FullDisk && disturbed.copies == Copies::Whole {
        // What was written was smaller than the disk.
        return Ok(None);
    }
    if fault.hits_server() {
        // The snapshot that remains ends when the server is started again.
        disturbed.snapshot = None;
    }
    let which = if fault == Fault::Nothing { WhichRun::Undisturbed } else { WhichRun::Disturbed };
    let red = judge(stage, &disturbed, which);
    if red.is_some() || which == WhichRun::Undisturbed {
        return Ok(Some(Tried { disturbed, next: None, red, disk }));
    }
    fault.undo(stage)?;
    stage.commit()?;
    let next = run_once(Fault::Nothing, stage)?;
    let red = next.as_ref().and_then(|next| judge(stage, next, WhichRun::Next));
    Ok(Some(Tried { disturbed, next, red, disk }))
}

fn judge(stage: &Stage<'_>, seen: &Observed, which: WhichRun) -> Option<RedVerdict> {
    let finding = seen.judge(which)?;
    Some(RedVerdict { finding, output: stage.last_output(OUTPUT_LINES) })
}

/// Runs the script once. `None` if the moment of the fault did not come.
fn run_once(fault: Fault, stage: &Stage<'_>) -> io::Result<Option<Observed>> {
    fault.prepare(stage)?;
    let required = stage.site.committed()?;
    let mut process = stage.start()?;
    let has_come = fault.disturb(stage, &mut process)?;
    let ended = stage.wait(&mut process)?;
    drop(process);
    if !has_come || matches!(fault, Fault::Servers(_)) && !stage.site.has_met_fault() {
        return Ok(None);
    }
    stage.observe(ended, required).map(Some)
}
