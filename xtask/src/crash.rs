//! `cargo xtask crash`: kills dsnap at every point, fails its system calls, and checks what remains.
//!
//! This builds dsnap, and installs the original tool if Python 2.7 is there. Then it starts `xtask/crash`, a
//! separate program.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use xtask_base::process::Program;
use xtask_base::{output, workspace};

use crate::interop::install;

/// The program that makes the disturbed runs.
const CRASH: &str = "dsnap-crash";

/// Builds everything, and starts the program; its help text explains `args`.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let programs = workspace::build_with(CRASH)?;
    let work = workspace::target()?.join("crash");
    let mut crash = Program::new(programs.join(CRASH)).arg("--work").arg(&work);
    crash = crash.arg("--dsnap").arg(programs.join("dsnap"));
    if let Some(original) = original()? {
        crash = crash.arg("--original").arg(original);
    }
    crash.args(args).run()
}

/// Installs the original. Returns `None` if that is not possible here.
fn original() -> Result<Option<PathBuf>> {
    let folder = workspace::target()?.join("interop");
    fs::create_dir_all(&folder)?;
    let installed = install::directory_storage(&folder);
    Ok(installed.map_err(|e| output::line(format_args!("skipped: the original: {e:#}"))).ok())
}
