//! Where things are: the checkout, and what cargo builds from it.
//!
//! Cargo builds every program into the folder in which it has just built xtask. So this file finds
//! them for any `CARGO_TARGET_DIR`, `build.target-dir` or profile without asking cargo.

use std::env::current_exe;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process::Program;

/// The root of the checkout: the parent folder of this package.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// The folder of built programs, usually `target/debug`.
fn built() -> Result<PathBuf> {
    let exe = current_exe().context("cannot find the running xtask")?;
    Ok(exe.parent().context("xtask is in no folder")?.to_owned())
}

/// The target folder, in which tasks keep their files.
pub(crate) fn target() -> Result<PathBuf> {
    let built = built()?;
    Ok(built.parent().context("xtask is in no target folder")?.to_owned())
}

/// Builds packages with their default features, and returns the program of the first one.
pub(crate) fn build(packages: &[&str]) -> Result<PathBuf> {
    let selection = packages.iter().flat_map(|package| ["-p", package]);
    cargo().args(["build", "--locked"]).args(selection).run()?;
    program(packages[0])
}

/// Builds packages as users get them, and returns the program of the first one.
pub(crate) fn build_release(packages: &[&str]) -> Result<PathBuf> {
    let selection = packages.iter().flat_map(|package| ["-p", package]);
    cargo().args(["build", "--release", "--locked"]).args(selection).run()?;
    Ok(target()?.join("release").join(packages[0]))
}

/// The path of a built program.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    Ok(built()?.join(name))
}

/// Cargo, run at the root of the checkout.
pub(crate) fn cargo() -> Program {
    Program::cargo().dir(&root())
}
