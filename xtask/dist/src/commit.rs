//! The commit that a distribution is made from.
//!
//! Results must not depend on the day on which they are made, so every date in them is that of the commit.

use anyhow::{Context, Result};
use xtask_base::process::Program;
use xtask_base::{output, workspace};

/// A commit and its date.
#[derive(Debug)]
pub(crate) struct Commit {
    /// The full hash.
    pub(crate) id: String,
    /// The date of the commit, in seconds since 1970: the value of `SOURCE_DATE_EPOCH`.
    pub(crate) epoch: u64,
    /// The same date as Debian's changelogs write it.
    pub(crate) mail_date: String,
    /// The same date as ISO 8601 writes it.
    pub(crate) iso_date: String,
}

impl Commit {
    /// Reads HEAD of the checkout, and warns of changes that are not committed.
    ///
    /// # Errors
    ///
    /// The checkout is no git repository, or git is missing.
    pub(crate) fn head() -> Result<Self> {
        let id = show("%H", "short").context(NO_COMMIT)?;
        let commit = Self {
            id,
            epoch: show("%ct", "short")?.parse()?,
            mail_date: show("%cd", "format-local:%a, %d %b %Y %H:%M:%S +0000")?,
            iso_date: show("%cd", "format-local:%Y-%m-%dT%H:%M:%SZ")?,
        };
        if !git(&["status", "--porcelain"])?.trim().is_empty() {
            output::line(
                "warning: files differ from HEAD, but the results carry the name of its commit",
            );
        }
        Ok(commit)
    }
}

const NO_COMMIT: &str = "a distribution is made from a commit: run `cargo xtask dist` in a clone of the git \
                         repository, not in unpacked sources";

/// Shows one field of HEAD.
fn show(format: &str, date: &str) -> Result<String> {
    let args = ["log", "-1", &format!("--date={date}"), &format!("--format={format}")];
    Ok(git(&args)?.trim().to_owned())
}

/// Asks git about the checkout, with dates in UTC and in English.
fn git(args: &[&str]) -> Result<String> {
    let git = Program::new("git").dir(&workspace::root()).env("TZ", "UTC").env("LC_ALL", "C");
    Ok(git.args(args).quiet()?.stdout)
}
