//! `cargo xtask demo`: builds the program and the testkit, and runs the testkit's demonstration.
//!
//! The demonstration itself is `dsnap-testkit demo`, so that it also runs from a package without
//! sources.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::process::Program;
use crate::{output, workspace};

/// Runs the demonstration, and returns its exit status.
pub(crate) fn run() -> Result<ExitCode> {
    output::line("Building dsnap and its testkit. The first time, this takes a few minutes.");
    let dsnap = workspace::build(&["dsnap", "dsnap-testkit"])?;
    let testkit = workspace::program("dsnap-testkit")?;
    let status = Program::new(&testkit).args(["demo", "--dsnap"]).arg(&dsnap).status()?;
    if status.success() {
        let folder = dsnap.parent().context("the program is in no folder")?;
        output::line(format_args!("\nBoth programs are in {}.", folder.display()));
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
