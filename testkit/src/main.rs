//! `dsnap-testkit`: the testkit for everybody who does not write Rust.
//!
//! A table of contents: each command is one file below `program`, with one `run`. What they are
//! made of is the library beside this.
#![forbid(unsafe_code)]

mod program;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use program::{demo, make};

#[derive(Parser)]
#[command(version, about = "To rehearse dsnap, and scripts that use it, without a site.")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Shows what dsnap does, on a storage whose server crashed
    Demo {
        /// The program to show
        #[arg(long, value_name = "PROGRAM", default_value = "dsnap")]
        dsnap: PathBuf,
    },
    /// Makes a storage in a new or empty folder, as a server or its crash leaves it
    Make(make::Wanted),
}

fn main() -> ExitCode {
    let done = match Args::parse().task {
        Task::Demo { dsnap } => demo::run(&dsnap),
        Task::Make(wanted) => make::run(&wanted),
    };
    done.unwrap_or_else(|error| {
        program::say::error(&error);
        ExitCode::from(2)
    })
}
