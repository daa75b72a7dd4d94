//! The commit that a distribution is made from.
//!
//! Results must not depend on the day on which they are made, so every date in them is that of the commit.

use anyhow::{Context, Result};
use xtask_base::process::Program;
use xtask_base::workspace;

const NO_COMMIT: &str = "a distribution is made from a commit: run `cargo xtask dist` in a clone of the git \
                         repository, not in unpacked sources";

/// A commit and its date.
#[derive(Debug)]
pub(crate) struct Commit {
    /// The date of the commit, in seconds since 1970: the value of `SOURCE_DATE_EPOCH`.
    pub(crate) epoch: u64,
}

impl Commit {
    /// Reads HEAD of the checkout.
    ///
    /// # Errors
    ///
    /// The checkout is no git repository, or git is missing.
    pub(crate) fn head() -> Result<Self> {
        let git = Program::new("git").dir(&workspace::root()).args(["log", "-1", "--format=%ct"]);
        let epoch = git.quiet().context(NO_COMMIT)?.stdout;
        Ok(Self { epoch: epoch.trim().parse()? })
    }
}
