//! `dsnap-testkit`: the testkit for everybody who does not write Rust.
//!
//! Each command is one file below `program`, with one `run`; the library does the work.
#![forbid(unsafe_code)]

mod program;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use program::{conformance, ctl, demo, make, run, site, verify};

/// Rehearse dsnap, and scripts that use it, on a simulated site.
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show what dsnap does, on a site with ongoing commits
    Demo(demo::DemoArgs),
    /// Make a storage in the state that a server or a crash left
    Make(make::MakeArgs),
    /// Run a simulated site until a signal stops it
    Site(site::SiteArgs),
    /// Test whether a snapshot method keeps its contract
    Conformance(conformance::ConformanceArgs),
    /// Send an order to a running site
    Ctl(ctl::CtlArgs),
    /// Run a script with a site of its own; fail if it leaves the storage in a snapshot
    Run(run::RunArgs),
    /// Check that a copy of a site's storage contains exactly what was committed
    Verify(verify::VerifyArgs),
}

fn main() -> ExitCode {
    dsnap_host::answer_isolated_call();
    let result = match Args::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Make(args) => make::run(&args),
        Command::Site(args) => site::run(&args),
        Command::Conformance(args) => conformance::run(&args),
        Command::Ctl(args) => ctl::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Verify(args) => verify::run(&args),
    };
    result.unwrap_or_else(|error| {
        program::print::error(&error);
        ExitCode::from(2)
    })
}
