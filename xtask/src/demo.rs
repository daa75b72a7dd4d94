//! `cargo xtask demo`: builds the program and the testkit, and lets the testkit show it.
//!
//! What is shown, and the proof, are `dsnap-testkit demo`'s, so that packages without sources
//! can show it too; here is only the building. The demonstration's status is passed on.

use std::process::ExitCode;

use anyhow::Result;

use crate::process::Program;
use crate::{say, workspace};

/// Runs the demonstration; its status.
pub(crate) fn run() -> Result<ExitCode> {
    say::line("Building dsnap and its testkit: the first time this takes a few minutes.");
    let dsnap = workspace::build(&["dsnap", "dsnap-testkit"])?;
    let testkit = workspace::program("dsnap-testkit")?;
    let status = Program::new(testkit).arg("demo").arg("--dsnap").arg(dsnap).status()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
