//! `cargo xtask demo`: builds the program and the testkit, and runs the testkit's demonstration with
//! each Zope that the testkit simulates.
//!
//! The demonstration itself is `dsnap-testkit demo`, so that it also runs from a package without
//! sources.

use std::process::ExitCode;

use anyhow::Result;

use crate::process::Program;
use crate::{output, workspace};

/// The Zopes, as the testkit names them.
const ZOPES: [&str; 2] = ["zope2", "zope5"];

/// Runs the demonstrations, and returns the exit status of the first one that fails.
pub(crate) fn run() -> Result<ExitCode> {
    output::line("Building dsnap and its testkit. The first time, this takes a few minutes.");
    let dsnap = workspace::build(&["dsnap", "dsnap-testkit"])?;
    let testkit = workspace::program("dsnap-testkit")?;
    for zope in ZOPES {
        let demo = Program::new(&testkit).arg("demo").args(["--answers", zope]);
        let status = demo.arg("--dsnap").arg(&dsnap).status()?;
        if !status.success() {
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            return Ok(code.map_or(ExitCode::FAILURE, ExitCode::from));
        }
    }
    Ok(ExitCode::SUCCESS)
}
