//! What lintian says of the Debian package.

use anyhow::Result;
use xtask_base::process::Program;

use crate::{Dist, packages, tools};

/// Fails on every error and every warning that `packaging/lintian-overrides` does not argue away.
pub(super) fn check(dist: &Dist) -> Result<()> {
    tools::debian("lintian", "lintian")?;
    let options = ["--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0"];
    Program::new("lintian").args(options).arg(packages::deb(dist)).quiet().map(drop)
}
