//! `dsnap-bench`: measures dsnap and the programs that it is compared with, in one run.
//! `cargo xtask bench` builds everything that is measured, and starts this program.
//!
//! Each case (`cases`) is a list of programs that do the same work (`subject`). `rounds` measures them
//! in turn, again and again, so that a busy moment of the machine slows all of them. `results` is what
//! is kept as JSON; `table`, `plots` and `page` show it, and `aims` judges it.
//!
//! The programs in `bin` are the floors and the stopwatch. They stand alone.
#![forbid(unsafe_code)]

mod aims;
mod cases;
mod options;
mod output;
mod page;
mod plots;
mod process;
mod results;
mod rounds;
mod statistics;
mod subject;
mod table;
mod units;
mod wreck;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

use cases::Bench;
use options::Options;
use results::{Machine, Report};

fn main() -> ExitCode {
    let options = Options::parse();
    run(&options).map_or_else(
        |error| {
            output::error(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

/// Measures, or reads what was measured; then shows it.
fn run(options: &Options) -> Result<()> {
    let report = match &*options.from {
        [] => measure(options)?,
        [first, others @ ..] => others
            .iter()
            .try_fold(Report::read(first)?, |all, file| all.with(Report::read(file)?))?,
    };
    output::line(table::plain(&report));
    output::line(format_args!("\n{}", table::plain_aims(&report)));
    if options.write_docs {
        page::write(&report, &options.places.root)?;
    }
    Ok(())
}

fn measure(options: &Options) -> Result<Report> {
    let work = &options.places.work;
    fs::create_dir_all(work).with_context(|| format!("cannot make {}", work.display()))?;
    let machine = Machine::here(work)?;
    let bench = Bench::new(options)?;
    let cases = bench.run(&options.cases);
    bench.clean_up()?;
    let program_size = fs::metadata(options.places.programs.join("dsnap"))?.len();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let report = Report { version, program_size, machine, cases: cases? };
    let file = options.json.clone().unwrap_or_else(|| work.join("results.json"));
    report.write(&file)?;
    output::line(format_args!("The results are in {}.", file.display()));
    Ok(report)
}
