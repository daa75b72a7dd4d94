//! `dsnap-testkit`: the testkit for everybody who does not write Rust.
//!
//! A table of contents: each command is one file below `program`, with one `run`. What they are
//! made of is the library beside this.
#![forbid(unsafe_code)]

mod program;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use program::{conformance, ctl, demo, make, run, site, verify};

#[derive(Parser)]
#[command(version, about = "To rehearse dsnap, and scripts that use it, without a site.")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Shows what dsnap does, on a site that keeps committing
    Demo {
        /// The program to show
        #[arg(long, value_name = "PROGRAM", default_value = "dsnap")]
        dsnap: PathBuf,
    },
    /// Makes a storage in a new or empty folder, as a server or its crash leaves it
    Make(make::Wanted),
    /// Runs a simulated site: a storage with commits going on, and Zopes in front, until stopped
    Site(site::Wish),
    /// Holds a snapshot method to its contract, with a simulated storage
    Conformance(conformance::Wish),
    /// Gives an order to a site that runs
    Ctl(ctl::Order),
    /// Runs a script with a site of its own; fails if it leaves the storage held
    Run(run::Rehearsal),
    /// Says whether a copy of a site's storage holds exactly what was committed
    Verify(verify::Question),
}

fn main() -> ExitCode {
    dsnap_host::answer_isolated_call();
    let done = match Args::parse().task {
        Task::Demo { dsnap } => demo::run(&dsnap),
        Task::Make(wanted) => make::run(&wanted),
        Task::Site(wish) => site::run(&wish),
        Task::Conformance(wish) => conformance::run(&wish),
        Task::Ctl(order) => ctl::run(&order),
        Task::Run(rehearsal) => run::run(&rehearsal),
        Task::Verify(question) => verify::run(&question),
    };
    done.unwrap_or_else(|error| {
        program::print::error(&error);
        ExitCode::from(2)
    })
}
