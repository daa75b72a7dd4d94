//! Which Rust the packages need: no dependency needs a newer one than the packages of the workspace promise.
//!
//! Clippy checks the sources of the workspace against the same promise (`incompatible_msrv`).

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Finding;
use xtask_base::process::Program;

#[derive(Deserialize)]
struct Answer {
    packages: Vec<Package>,
}

/// A package of `Cargo.lock`.
#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    /// Where it comes from; absent if it is part of the workspace.
    source: Option<String>,
    /// The oldest Rust that it promises to work with.
    rust_version: Option<String>,
}

/// Asks cargo for all packages of the workspace at `root`, and checks them.
pub(super) fn rust_versions(root: &Path) -> Result<Vec<Finding>> {
    let ask = ["metadata", "--locked", "--format-version", "1"];
    let answer = Program::cargo().args(ask).dir(root).quiet()?;
    findings(&answer.stdout)
}

/// Finds the packages that need a newer Rust.
pub(super) fn findings(metadata: &str) -> Result<Vec<Finding>> {
    let answer: Answer =
        serde_json::from_str(metadata).context("cargo metadata answers in an unknown format")?;
    let needed = |package: &Package| package.rust_version.as_deref().and_then(parse);
    let (ours, others): (Vec<_>, Vec<_>) =
        answer.packages.iter().partition(|package| package.source.is_none());
    let promised = ours.into_iter().filter_map(needed).min();
    let promised = promised.context("no package of the workspace has a rust-version")?;
    let newer = others.into_iter().filter(|it| needed(it).is_some_and(|needed| needed > promised));
    Ok(newer.map(finding).collect())
}

fn finding(package: &Package) -> Finding {
    let Package { name, version, rust_version, .. } = package;
    let rust_version = rust_version.as_deref().unwrap_or_default();
    let cure = format!(
        "{name} {version} needs Rust {rust_version}: use an older release of it, or raise `rust-version`"
    );
    Finding::new("Cargo.lock", 0, cure)
}

/// Reads a version such as 1.88 or 1.88.0.
fn parse(version: &str) -> Option<[u32; 3]> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    let mut next = || numbers.next().unwrap_or(Some(0));
    Some([next()?, next()?, next()?])
}
