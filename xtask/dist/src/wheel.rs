//! The Python wheel of the testkit: programs for glibc 2.17, module, and pytest plugin.
//!
//! The wheel is copied to the results only after three checks: its metadata, its platform, and a test in a
//! new environment.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use xtask_base::process::Program;
use xtask_base::{output, python, wheel};

use crate::{Dist, tools};

/// The platform in the name of the wheel: glibc 2.17 or later.
const PLATFORM: &str = "manylinux2014_x86_64";
/// The same platform as `auditwheel` measures it, without the minor version of glibc.
const MEASURED: &str = "manylinux_2_";
const OLDEST_MINOR: u32 = 17;

/// The programs that check a wheel.
const CHECKERS: [&str; 3] = ["auditwheel==6.8.2", "twine==7.0.0", "check-wheel-contents==0.6.3"];

/// Makes the wheel.
pub(crate) fn make(dist: &Dist) -> Result<()> {
    let modules = tools::python(dist, "wheel-tools", &wheel::MODULES)?;
    let folder = dist.work.join("wheel");
    python::remove(&folder)?;
    let programs = dist.out.join("programs/glibc-2.17");
    let epoch = dist.commit.epoch.to_string();
    let settings = [("DSNAP_PLATFORM", PLATFORM), ("SOURCE_DATE_EPOCH", &epoch)];
    let built = wheel::build(&modules, &programs, &settings, &folder)?;
    check_contents(dist, &built)?;
    check_installed(&modules, &built, &folder)?;
    let name = built.file_name().context("a wheel without a name")?;
    fs::copy(&built, dist.out.join(name))?;
    python::remove(&folder)
}

/// Checks metadata and platform with the tools of those who publish wheels.
fn check_contents(dist: &Dist, wheel: &Path) -> Result<()> {
    let modules = tools::python(dist, "wheel-checkers", &CHECKERS)?;
    let check = |words: &[&str]| {
        let check = Program::within(python::INSTALL_TIMEOUT, "python3").arg("-m").args(words);
        check.arg(wheel).env("PYTHONPATH", &modules).quiet()
    };
    check(&["twine", "check", "--strict"])?;
    check(&["check_wheel_contents"])?;
    let audit = check(&["auditwheel", "show"])?;
    let minor = measured_minor(&audit.stdout);
    let runs = minor.is_some_and(|minor| minor <= OLDEST_MINOR);
    ensure!(runs, "the programs need a newer C library than {PLATFORM} has:\n{}", audit.stdout);
    Ok(())
}

/// Returns the minor version of glibc 2 that the programs in the wheel need.
fn measured_minor(audit: &str) -> Option<u32> {
    let (_, rest) = audit.split_once(MEASURED)?;
    rest.split_once('_')?.0.parse().ok()
}

/// Installs the wheel as its users do, and runs the test of the documentation, green and red.
fn check_installed(modules: &Path, wheel: &Path, folder: &Path) -> Result<()> {
    output::line("pip install pytest and the wheel; the test of docs/rehearse.md, green and red");
    let python = wheel::install(modules, &folder.join("venv"), wheel, &["pytest>=7"])?;
    // Nothing but what was installed there.
    wheel::try_documented_test(&python, Path::new(""), folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_measured_platform_is_read() {
        let audit = "following platform tag: \"manylinux_2_34_x86_64\".\n";
        assert_eq!(measured_minor(audit), Some(34));
        assert_eq!(measured_minor("linux_x86_64"), None);
    }
}
