//! `cargo xtask bench`: how fast things are, measured in pairs; fails if a floor is not kept.
//!
//! No part of `ci`: a machine that is shared says little about a change.

use anyhow::Result;

use crate::workspace::cargo;

/// Builds what is measured, and measures.
pub(crate) fn run() -> Result<()> {
    let build = cargo().args(["build", "--release", "--locked", "--package", "dsnap-testkit"]);
    build.args(["--example", "nothing"]).run()?;
    cargo().args(["bench", "--locked", "--package", "dsnap-testkit", "--bench", "calls"]).run()
}
