//! Runs dsnap with a real Zope 5, and compares its answers with those of the simulated site.
//!
//! The storage of DirectoryStorage 1.1.21 does not run on Python 3, so a stand-in with its locks and
//! files is behind a toolkit of our own. `interop/zope5/compare.py` has the cases.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use xtask_base::output;
use xtask_base::process::Program;

/// How long all runs and requests may take.
const CASES_TIMEOUT: Duration = Duration::from_secs(120);

/// Runs every case, and returns how many answers were the same.
pub(crate) fn compare(
    dsnap: &Path,
    testkit: &Path,
    scripts: &Path,
    modules: &Path,
    scratch: &Path,
) -> Result<String> {
    output::line("interop: running dsnap with a real Zope 5, and comparing its answers");
    let run = Program::within(CASES_TIMEOUT, testkit).args(["run", "--answers", "zope5"]);
    let python = run.args(["--commits-per-second", "0", "--", "python3", "-B"]);
    let script = python.arg(scripts.join("zope5/compare.py")).arg(dsnap);
    let script = script.arg(testkit).arg(scratch.join("zope5")).env("PYTHONPATH", modules);
    let finished = script.quiet()?;
    let count = finished.stdout.lines().find_map(|line| line.strip_prefix("answers "));
    let count = count.map(str::to_owned);
    count.with_context(|| format!("compare.py printed no count: {}", finished.stdout))
}
