//! Runs lintian on the Debian package.

use anyhow::Result;
use xtask_base::process::Program;

use crate::{Dist, packages, tools};

/// Fails on every error and warning that `packaging/lintian-overrides` does not list.
pub(super) fn check(dist: &Dist) -> Result<()> {
    tools::debian("lintian", "lintian")?;
    let options = ["--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0"];
    Program::new("lintian").args(options).arg(packages::deb(dist)).quiet().map(drop)
}
