//! Where things are: the checkout, and what cargo builds from it.
//!
//! Cargo builds every program into the folder in which it has just built xtask. So this file finds
//! them for any `CARGO_TARGET_DIR`, `build.target-dir` or profile without asking cargo.

use std::env::current_exe;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process::Program;

/// The root of the checkout, two folders above this package.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_owned()
}

/// The folder of built programs, usually `target/debug`.
fn built() -> Result<PathBuf> {
    let exe = current_exe().context("cannot find the running xtask")?;
    Ok(exe.parent().context("xtask is in no folder")?.to_owned())
}

/// The target folder, in which tasks keep their files.
pub fn target() -> Result<PathBuf> {
    let built = built()?;
    Ok(built.parent().context("xtask is in no target folder")?.to_owned())
}

/// The options of a build that compiles nothing after `cargo test --workspace`.
///
/// Cargo unites the features of all packages that one call builds, and those of dev-dependencies if the
/// call builds tests. A call for some packages compiles half of the dependencies again, with other
/// features. The programs are built, too, because tests start them. `--bins` would also replace the
/// xtask that is running.
const EVERYTHING: [&str; 4] = ["--workspace", "--lib", "--tests", "--examples"];

/// Builds what the tests need, and returns the folder of the programs.
pub fn build() -> Result<PathBuf> {
    cargo().args(["build", "--locked"]).args(EVERYTHING).run()?;
    built()
}

/// Builds what the tests need and one more program, and returns the folder of the programs.
pub fn build_with(program: &str) -> Result<PathBuf> {
    cargo().args(["build", "--locked"]).args(EVERYTHING).args(["--bin", program]).run()?;
    built()
}

/// Builds the programs and nothing else, and returns their folder. After a fresh clone, this is
/// quicker than [`build`].
pub fn build_programs() -> Result<PathBuf> {
    cargo().args(["build", "--locked", "-p", "dsnap", "-p", "dsnap-testkit"]).run()?;
    built()
}

/// Builds a program as users get it, with no feature that another package asks for. Returns its path.
pub fn build_release(package: &str) -> Result<PathBuf> {
    cargo().args(["build", "--release", "--locked", "-p", package]).run()?;
    Ok(target()?.join("release").join(package))
}

/// Cargo, run at the root of the checkout.
pub fn cargo() -> Program {
    Program::cargo().dir(&root())
}
