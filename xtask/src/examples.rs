//! `cargo xtask examples`: runs the testkit's examples as a reader would: in bash, from Rust, and
//! with pytest.
//!
//! The programs built here come first on the PATH. pytest is installed in the target folder.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::Program;
use crate::{output, workspace};

const PYTEST: &str = "pytest>=7";

/// How long one example, or the installation of pytest, may take.
const EXAMPLE_TIMEOUT: Duration = Duration::from_secs(300);

/// Runs every example.
pub(crate) fn run() -> Result<()> {
    let dsnap = workspace::build(&["dsnap", "dsnap-testkit"])?;
    let programs = dsnap.parent().context("the program is in no folder")?;
    let examples = workspace::root().join("testkit/examples");

    output::line("bash: dsnap-testkit run -- backup.sh");
    let testkit = Program::within(EXAMPLE_TIMEOUT, workspace::program("dsnap-testkit")?);
    let rehearsal = testkit.args(["run", "--"]).arg(examples.join("backup.sh"));
    rehearsal.path_first(programs)?.run()?;

    output::line("Rust: rehearse.rs");
    let rust = workspace::cargo().args(["run", "--quiet", "--locked", "-p", "dsnap-testkit"]);
    rust.args(["--example", "rehearse"]).path_first(programs)?.run()?;

    output::line("pytest: conftest.py, test_backup.py");
    let modules = pytest()?;
    let pytest = Program::within(EXAMPLE_TIMEOUT, "python3").args(["-m", "pytest", "-q", "-p"]);
    let pytest = pytest.arg("no:cacheprovider").dir(&examples).env("PYTHONPATH", &modules);
    pytest.env("PYTHONDONTWRITEBYTECODE", "1").path_first(programs)?.run()
}

/// Installs pytest unless it is there, and returns the folder of its modules.
fn pytest() -> Result<std::path::PathBuf> {
    let folder = workspace::target()?.join("pytest");
    if !has_pytest(&folder) {
        let pip = ["-m", "pip", "--quiet", "--disable-pip-version-check", "install", PYTEST];
        Program::within(EXAMPLE_TIMEOUT, "python3")
            .args(pip)
            .arg("--target")
            .arg(&folder)
            .quiet()?;
    }
    Ok(folder)
}

fn has_pytest(folder: &Path) -> bool {
    let import = Program::new("python3").args(["-c", "import pytest"]).env("PYTHONPATH", folder);
    import.output().is_ok_and(|finished| finished.success())
}
