//! The program `dsnap-testkit`: the testkit for everybody who does not write Rust.
//!
//! Each command is one file, with one `run`; the rest of this library does the work. [`command`] defines the
//! command line, from which the manual page and the completions of a shell are made, too.
#![allow(
    rustdoc::broken_intra_doc_links,
    rustdoc::invalid_html_tags,
    reason = "the comments of options are the text of --help"
)]

mod choice;
mod conformance;
mod ctl;
mod demo;
mod make;
mod print;
mod run;
mod site;
mod torture;
mod verify;
mod zeo_options;
mod zope_options;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Rehearse dsnap, and scripts that use it, on a simulated site.
#[derive(Parser)]
#[command(name = "dsnap-testkit", version)]
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
    /// Run a backup script again and again, each time with another fault; judge its copies and its exit status
    Torture(torture::TortureArgs),
    /// Check that a copy of a site's storage contains exactly what was committed
    Verify(verify::VerifyArgs),
}

/// Defines the command line: the commands, their options, and all that `--help` says.
pub fn command() -> clap::Command {
    Args::command()
}

/// Runs the program: reads the arguments of this process, and returns its exit status.
///
/// A program's `main` must call this before anything else: each call of a loaded method starts the program
/// again, and is answered here.
pub fn main() -> ExitCode {
    dsnap_host::answer_isolated_call();
    let result = match Args::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Make(args) => make::run(&args),
        Command::Site(args) => site::run(&args),
        Command::Conformance(args) => conformance::run(&args),
        Command::Ctl(args) => ctl::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Torture(args) => torture::run(&args),
        Command::Verify(args) => verify::run(&args),
    };
    result.unwrap_or_else(|error| {
        print::error(&error);
        ExitCode::from(2)
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_definition_is_consistent() {
        super::command().debug_assert();
    }
}
