//! `cargo xtask bench`: measures how long calls of methods take, and fails if they take too long.
//!
//! Not part of `ci`: a measurement on a shared machine says little about a change.

use anyhow::Result;

use crate::workspace::cargo;

/// Builds what the benchmark needs, and runs it.
pub(crate) fn run() -> Result<()> {
    let build = cargo().args(["build", "--release", "--locked", "--package", "dsnap-testkit"]);
    build.args(["--example", "nothing"]).run()?;
    cargo().args(["bench", "--locked", "--package", "dsnap-testkit", "--bench", "calls"]).run()
}
