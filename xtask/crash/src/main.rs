//! `dsnap-crash`: kills dsnap at every point, fails its system calls, and checks what remains.
//! `cargo xtask crash` builds everything, and starts this program.
//!
//! A *part* disturbs one kind of run in one way, at every *point*: a system call, a moment, a signal. After
//! each point it gives a verdict (`verdict`). The program fails if a promise was broken at any point.
#![forbid(unsafe_code)]

mod chaos;
mod crowd;
mod direct;
mod errors;
mod failing;
mod live;
mod options;
mod original;
mod parallel;
mod point;
mod power;
mod record;
mod remains;
mod scratch;
mod signals;
mod soak;
mod strace;
mod verdict;
mod whole_run;
mod wreck;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use xtask_base::output;

use options::Options;
use verdict::Tally;

/// A kind of disturbance: its name on the command line, what it does, and how it is done.
pub(crate) type Part = (&'static str, &'static str, fn(&Options) -> Result<Tally>);

/// All parts, in the order in which they are done.
pub(crate) const PARTS: &[Part] = &[
    ("direct", "recoveries that are killed at every change", direct::run),
    ("errors", "recoveries in which each system call fails, once or from then on", errors::run),
    ("power", "recoveries after a power cut, which leaves only some changes on disk", power::run),
    ("record", "runs over HTTP whose record cannot be written, is torn or is old", record::run),
    ("signals", "each signal in each phase of a run, with each kind of method", signals::run),
    ("http", "whole runs over HTTP, in which each system call is killed or fails", whole_run::http),
    ("zeo", "the same with runs that ask a ZEO server", whole_run::zeo),
    ("exec", "the same with runs that start a script", whole_run::exec),
    (
        "crowd",
        "fifty runs at once, at 200 commits a second, without and with random kills",
        crowd::run,
    ),
    ("soak", "a thousand runs in turn, and a thousand more with random kills", soak::run),
];

fn main() -> ExitCode {
    run(&Options::parse()).map_or_else(
        |error| {
            output::error(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

/// Does all parts that are wanted, even after a failed point, and prints a table.
fn run(options: &Options) -> Result<()> {
    let mut table = Vec::new();
    for (name, what, part) in PARTS.iter().filter(|(name, ..)| options.wants(name)) {
        output::line(format_args!("\n== {name}: {what}"));
        let start = Instant::now();
        let tally = part(options).with_context(|| format!("crash: {name} failed"))?;
        table.push((*name, tally, start.elapsed()));
    }
    output::line(format_args!("\n{}", verdict::table(&table)));
    ensure!(
        table.iter().all(|(_, tally, _)| tally.is_clean()),
        "a promise was broken: see the lines above"
    );
    Ok(())
}
