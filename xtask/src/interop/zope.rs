//! Calls the testkit's simulated site with Python's own client and with the original tool.
//!
//! dsnap's scenarios run against the simulated site. So real clients must get from it what a Zope
//! with a DirectoryStorage answers; `interop/through_zope.py` checks that.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::rehearsal::Tools;
use xtask_base::process::Program;

/// How long all calls may take.
const CALLS_TIMEOUT: Duration = Duration::from_secs(120);

/// Makes the calls, and returns how many Python's client made.
pub(crate) fn call_site(tools: &Tools, testkit: &Path, scratch: &Path) -> Result<String> {
    let run = Program::within(CALLS_TIMEOUT, testkit).args(["run", "--zopes", "2", "--"]);
    let python = run.arg(tools.real.join("python")).arg("-B");
    let script = python.arg(tools.scripts.join("through_zope.py")).arg(&tools.dsnap);
    let finished = script.arg(testkit).arg(scratch.join("through-zope")).quiet()?;
    let count = finished.stdout.lines().find_map(|line| line.strip_prefix("calls "));
    let count = count.map(str::to_owned);
    count.with_context(|| format!("through_zope.py printed no count: {}", finished.stdout))
}
