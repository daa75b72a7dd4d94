//! Programs and packages of other projects that the parts need, in fixed versions.
//!
//! A missing one is installed: crates and Python packages below `target/dist-work`, Debian's packages into
//! the system if root runs the task. What cannot be installed is an error, so no check is left out.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use xtask_base::process::{Program, on_path};
use xtask_base::{output, python};

use crate::Dist;

/// How long Debian's package manager may take.
const APT_TIMEOUT: Duration = Duration::from_secs(900);

/// A program from a crate.
pub(crate) struct CargoTool {
    /// Its name and that of the crate.
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// Options for `cargo install`: features that are not needed take minutes.
    pub(crate) options: &'static [&'static str],
}

impl CargoTool {
    /// Returns the path of the program, and installs it first if it is not there.
    pub(crate) fn program(&self, dist: &Dist) -> Result<PathBuf> {
        let Self { name, version, options } = self;
        let root = dist.work.join("tools").join(format!("{name}-{version}"));
        let program = root.join("bin").join(name);
        if !program.is_file() {
            output::line(format_args!(
                "installing {name} {version}; this takes some minutes, once"
            ));
            let install = ["install", "--quiet", "--locked", "--version", version, name];
            let cargo = Program::cargo().args(install).args(*options).arg("--root").arg(&root);
            compile_quickly(cargo)
                .env("CARGO_TARGET_DIR", dist.work.join("tools/build"))
                .run()
                .with_context(|| format!("cannot install {name} {version}"))?;
        }
        Ok(program)
    }
}

/// Lets cargo compile without optimisation: the tools run for seconds, and compiling takes minutes.
fn compile_quickly(cargo: Program) -> Program {
    let settings = [("LTO", "off"), ("OPT_LEVEL", "0"), ("CODEGEN_UNITS", "16")];
    settings.into_iter().fold(cargo, |cargo, (setting, value)| {
        cargo.env(&format!("CARGO_PROFILE_RELEASE_{setting}"), value)
    })
}

/// Installs packages for Python 3 into a folder of the working files, and returns that folder.
pub(crate) fn python(dist: &Dist, folder: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = dist.work.join(folder);
    python::modules(&folder, packages)?;
    Ok(folder)
}

/// Installs a package of Debian unless its program is on the PATH.
pub(crate) fn debian(program: &str, package: &str) -> Result<()> {
    if on_path(program).is_some() {
        return Ok(());
    }
    if !is_root()? {
        bail!("{program} is missing\nhint: apt-get install --no-install-recommends {package}");
    }
    output::line(format_args!("installing {package}"));
    // A new machine has no lists of packages yet, or old ones.
    if apt_get(&["install", package]).is_err() {
        apt_get(&["update"])?;
        apt_get(&["install", package]).with_context(|| format!("cannot install {package}"))?;
    }
    if on_path(program).is_none() {
        bail!("the package {package} is installed, but {program} is not on the PATH");
    }
    Ok(())
}

/// Says whether this process may install packages and change roots.
pub(crate) fn is_root() -> Result<bool> {
    Ok(Program::new("id").arg("-u").quiet()?.stdout.trim() == "0")
}

/// Runs apt-get without questions; another one may hold its lock for a while.
fn apt_get(args: &[&str]) -> Result<()> {
    let options = ["-qq", "--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=600"];
    let apt = Program::within(APT_TIMEOUT, "apt-get").env("DEBIAN_FRONTEND", "noninteractive");
    apt.args(options).args(args).quiet().map(drop)
}

/// Returns the path of a program that is on the PATH.
pub(crate) fn path_of(program: &str) -> Result<PathBuf> {
    on_path(program).with_context(|| format!("{program} is not on the PATH"))
}
