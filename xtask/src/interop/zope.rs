//! The simulated site, asked by Python's own client and by the original tool over http.
//!
//! What dsnap's scenarios are played against must itself be what real clients take for a Zope
//! with a DirectoryStorage behind; `interop/through_zope.py` is where that is looked at.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::rehearsal::Tools;
use crate::process::Program;
use crate::workspace;

const LIMIT: Duration = Duration::from_secs(120);

/// Asks; how many calls Python's client made.
pub(crate) fn ask(tools: &Tools, scratch: &Path) -> Result<String> {
    workspace::build(&["dsnap-testkit"])?;
    let testkit = workspace::program("dsnap-testkit")?;
    let run = Program::within(LIMIT, &testkit).args(["run", "--zopes", "2", "--"]);
    let python = run.arg(tools.real.join("python")).arg("-B");
    let script = python.arg(tools.scripts.join("through_zope.py")).arg(&tools.dsnap);
    let asked = script.arg(&testkit).arg(scratch.join("through-zope")).quiet()?;
    let count = asked.stdout.lines().find_map(|line| line.strip_prefix("asked "));
    count.map(str::to_owned).with_context(|| format!("unclear: {}", asked.stdout))
}
