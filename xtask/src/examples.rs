//! `cargo xtask examples`: the testkit's examples, as their readers run them: in bash, with
//! pytest, and from Rust.
//!
//! The programs are the ones built here, first on the PATH. pytest is installed below the
//! target folder unless it is there.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::Program;
use crate::{say, workspace};

/// pytest's dependencies come along.
const PYTEST: &str = "pytest>=7";

const LIMIT: Duration = Duration::from_secs(300);

/// Runs all of them.
pub(crate) fn run() -> Result<()> {
    let dsnap = workspace::build(&["dsnap", "dsnap-testkit"])?;
    let programs = dsnap.parent().context("the program lies in no folder")?;
    let examples = workspace::root().join("testkit/examples");

    say::line("bash: dsnap-testkit run -- backup.sh");
    let testkit = Program::within(LIMIT, workspace::program("dsnap-testkit")?);
    let rehearsal = testkit.args(["run", "--"]).arg(examples.join("backup.sh"));
    rehearsal.path_first(programs)?.run()?;

    say::line("Rust: rehearse.rs");
    let rust = workspace::cargo().args(["run", "--quiet", "--locked", "-p", "dsnap-testkit"]);
    rust.args(["--example", "rehearse"]).path_first(programs)?.run()?;

    say::line("pytest: conftest.py, test_backup.py");
    let modules = pytest()?;
    let pytest = Program::within(LIMIT, "python3").args(["-m", "pytest", "-q", "-p"]);
    let pytest = pytest.arg("no:cacheprovider").dir(&examples).env("PYTHONPATH", &modules);
    pytest.env("PYTHONDONTWRITEBYTECODE", "1").path_first(programs)?.run()
}

/// The folder with pytest, installed once.
fn pytest() -> Result<std::path::PathBuf> {
    let folder = workspace::target()?.join("pytest");
    if !has_pytest(&folder) {
        let pip = ["-m", "pip", "--quiet", "--disable-pip-version-check", "install", PYTEST];
        Program::within(LIMIT, "python3").args(pip).arg("--target").arg(&folder).quiet()?;
    }
    Ok(folder)
}

fn has_pytest(folder: &Path) -> bool {
    let asked = Program::new("python3").args(["-c", "import pytest"]).env("PYTHONPATH", folder);
    asked.output().is_ok_and(|answer| answer.success())
}
