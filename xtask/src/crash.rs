//! `cargo xtask crash`: kills dsnap at every point, fails its system calls, and checks what remains.
//!
//! This builds dsnap, and installs the original tool if Python 2.7 is there. Then it starts `xtask/crash`, a
//! separate program.

use anyhow::Result;
use xtask_base::process::Program;
use xtask_base::workspace;

use crate::interop::install;

/// The program that makes the disturbed runs.
const CRASH: &str = "dsnap-crash";

/// Builds everything, and starts the program; its help text explains `args`.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let programs = workspace::build_with(CRASH)?;
    let work = workspace::target()?.join("crash");
    let mut crash = Program::new(programs.join(CRASH)).arg("--work").arg(&work);
    crash = crash.arg("--dsnap").arg(programs.join("dsnap"));
    if let Some(original) = install::original()? {
        crash = crash.arg("--original").arg(original);
    }
    crash.args(args).run()
}
