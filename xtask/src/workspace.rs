//! Where things are: the checkout, and what cargo builds from it.
//!
//! Built programs lie beside xtask itself, which cargo has just built into the same folder;
//! this holds for any `CARGO_TARGET_DIR`, `build.target-dir` or profile without asking cargo.

use std::env::current_exe;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process::Program;

/// The root of the checkout: the parent of this package.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// The folder of built programs, `target/debug` as a rule.
fn built() -> Result<PathBuf> {
    let exe = current_exe().context("cannot tell where xtask itself lies")?;
    Ok(exe.parent().context("xtask lies in no folder")?.to_owned())
}

/// The target folder, for what a task leaves there.
pub(crate) fn target() -> Result<PathBuf> {
    let built = built()?;
    Ok(built.parent().context("xtask lies in no target folder")?.to_owned())
}

/// Builds packages as they are, and says where the program of the first one lies.
pub(crate) fn build(packages: &[&str]) -> Result<PathBuf> {
    let selection = packages.iter().flat_map(|package| ["-p", package]);
    cargo().args(["build", "--locked"]).args(selection).run()?;
    program(packages[0])
}

/// A built program.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    Ok(built()?.join(name))
}

/// Cargo, at the root of the checkout.
pub(crate) fn cargo() -> Program {
    Program::cargo().dir(&root())
}
