//! `cargo xtask demo`: builds the program and the testkit, and runs the testkit's demonstration.
//!
//! The demonstration itself is `dsnap-testkit demo`, so that it also runs from a package without
//! sources.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use xtask_base::process::Program;
use xtask_base::{output, workspace};

/// Builds both programs, runs the demonstration, and returns its exit status.
pub(crate) fn run() -> Result<ExitCode> {
    output::line("Building dsnap and its testkit. The first time, this takes a few minutes.");
    show(&workspace::build_programs()?)
}

/// Runs the demonstration with the programs in a folder, and returns its exit status.
pub(crate) fn show(programs: &Path) -> Result<ExitCode> {
    let testkit = Program::new(programs.join("dsnap-testkit"));
    let status = testkit.args(["demo", "--dsnap"]).arg(programs.join("dsnap")).status()?;
    if status.success() {
        output::line(format_args!("\nBoth programs are in {}.", programs.display()));
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
