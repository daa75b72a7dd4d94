//! `dsnap-fuzz`: feeds arbitrary bytes to everything that dsnap reads, and prints a table of the results.
//!
//! `cargo xtask fuzz` builds libFuzzer and starts this program, which runs libFuzzer for each target.
#![forbid(unsafe_code)]

mod campaign;
mod options;
mod statistics;

use std::any::Any;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Result, anyhow, ensure};
use clap::Parser;
use dsnap_fuzz::target::Target;
use xtask_base::output;

use options::Options;
use statistics::Campaign;

fn main() -> ExitCode {
    run(&Options::parse()).map_or_else(
        |error| {
            output::error(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

/// Runs all targets that are wanted, even after a finding, and prints a table.
fn run(options: &Options) -> Result<()> {
    let targets = options.targets()?;
    let waiting = Mutex::new(targets.iter().enumerate());
    let finished = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        let runs =
            (0..options.jobs.max(1)).map(|_| scope.spawn(|| work(&waiting, options, &finished)));
        runs.collect::<Vec<_>>().into_iter().try_for_each(|run| run.join().map_err(panicked)?)
    })?;
    let finished = finished.into_inner().unwrap_or_else(PoisonError::into_inner);
    let table: Vec<_> = finished.values().copied().collect();
    output::line(format_args!("\n{}", statistics::table(&table)));
    ensure!(
        table.iter().all(|(_, result)| result.findings == 0),
        "inputs failed: see the lines above"
    );
    Ok(())
}

/// The results of the targets, by their places in the list.
type Finished = Mutex<BTreeMap<usize, (&'static str, Campaign)>>;

/// Runs the next target again and again, until all have run.
fn work<'t>(
    waiting: &Mutex<impl Iterator<Item = (usize, &'t &'static Target)>>,
    options: &Options,
    finished: &Finished,
) -> Result<()> {
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    while let Some((place, target)) = next() {
        output::line(format_args!("== {}: {}", target.name, target.property));
        let result = campaign::run(target, options)?;
        output::line(statistics::line(target.name, &result));
        let mut finished = finished.lock().unwrap_or_else(PoisonError::into_inner);
        finished.insert(place, (target.name, result));
    }
    Ok(())
}

fn panicked(_: Box<dyn Any + Send>) -> anyhow::Error {
    anyhow!("a thread panicked")
}
