//! `cargo xtask examples`: runs the examples as a reader would: those of the testkit in bash, from Rust,
//! and with pytest; the backups of `docs/examples`, with a restore and under faults. The others there are
//! checked.
//!
//! The programs built here come first on the PATH. Python modules are installed in the target folder.
//! Some examples are run by scenarios, in `crates/cli/tests/dsnap/examples.rs` and `systemd.rs` there.

mod backups;
mod checks;
mod torture;
mod wheel;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use xtask_base::process::Program;
use xtask_base::{output, python, workspace};

/// The modules of Python that examples and checks need, besides those for the wheel.
const MODULES: [&str; 2] = ["pytest>=7", "PyYAML>=6"];

/// The scripts that are rehearsed, and the options of their sites.
const REHEARSALS: [(&str, &[&str]); 2] =
    [("backup.sh", &["--zopes", "1"]), ("rehearse-zeo.sh", &["--zeo", "--zopes", "2"])];

/// How long one example may take.
const EXAMPLE_TIMEOUT: Duration = Duration::from_secs(300);

/// Runs every example.
pub(crate) fn run() -> Result<()> {
    let programs = workspace::build()?;
    let modules = modules()?;
    testkit(&programs)?;
    wheel::run(&programs, &modules)?;
    backups::run(&programs)?;
    torture::run(&programs)?;
    checks::run(&programs, &modules)
}

/// The folder of the examples for administrators.
fn folder() -> PathBuf {
    workspace::root().join("docs/examples")
}

/// Runs the examples of the testkit in bash and Rust.
fn testkit(programs: &Path) -> Result<()> {
    let examples = workspace::root().join("testkit/examples");

    for (script, options) in REHEARSALS {
        output::line(format_args!("bash: dsnap-testkit run {} -- {script}", options.join(" ")));
        let testkit = Program::within(EXAMPLE_TIMEOUT, programs.join("dsnap-testkit"));
        let rehearsal = testkit.arg("run").args(options).arg("--").arg(examples.join(script));
        rehearsal.path_first(programs)?.run()?;
    }

    output::line("Rust: rehearse.rs");
    let rust = Program::within(EXAMPLE_TIMEOUT, programs.join("examples/rehearse"));
    rust.path_first(programs)?.run()
}

/// Installs the modules unless they are there, and returns their folder.
pub(crate) fn modules() -> Result<PathBuf> {
    let folder = workspace::target()?.join("python");
    python::modules(&folder, &[MODULES, xtask_base::wheel::MODULES].concat())?;
    Ok(folder)
}
