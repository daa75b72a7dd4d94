//! The Python wheel of the testkit, with the programs of this build: the test of the documentation, the
//! example `test_backup.py`, and the tests of the package itself.

use std::path::Path;

use anyhow::Result;

use xtask_base::{output, python, wheel, workspace};

/// Files and folders of tests.
const TESTS: [&str; 2] = ["testkit/examples/test_backup.py", "testkit/python/tests"];

/// Builds the wheel, installs it into a new environment, and runs the tests there.
pub(super) fn run(programs: &Path, modules: &Path) -> Result<()> {
    output::line(format_args!("pytest: a wheel, docs/rehearse.md, {}", TESTS.join(", ")));
    let folder = workspace::target()?.join("examples/wheel");
    python::remove(&folder)?;
    let built = wheel::build(modules, programs, &[], &folder)?;
    let python = wheel::install(modules, &folder.join("venv"), &built, &["--no-index"])?;
    wheel::try_documented_test(&python, modules, &folder)?;
    for tests in TESTS {
        wheel::pytest(&python, modules, &workspace::root().join(tests)).dir(&folder).run()?;
    }
    python::remove(&folder)
}
