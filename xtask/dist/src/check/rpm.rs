//! The rpm. There is no archive of a distribution with rpm here, so it is installed into a Debian: with its
//! own database, and without looking for the packages that it requires.

use anyhow::Result;
use xtask_base::process::Program;

use super::method;
use super::root::{Debian, Root};
use crate::{Dist, packages, tools};

/// What rpm and the other programs keep for themselves; and folders that belong to packages of the shells and
/// of pkg-config, which this Debian does not have.
const IGNORED_PATHS: [&str; 8] = [
    "./var/lib/rpm",
    "./var/lib/dpkg",
    "./var/log/",
    "./var/cache/man",
    "./usr/share/bash-completion",
    "./usr/share/fish",
    "./usr/share/zsh",
    "./usr/share/pkgconfig",
];

/// Installs the package, uses everything in it, upgrades it over itself, and removes it.
pub(super) fn check(dist: &Dist, debian: &Debian) -> Result<()> {
    tools::debian("rpm", "rpm")?;
    let root = debian.copy("rpm")?;
    let before = root.paths()?;
    let package = packages::rpm(dist);
    rpm(&root).args(["--install", "--nodeps"]).arg(&package).quiet()?;
    method::install(dist, &root)?;
    root.script(include_str!("use_package.sh"))?;
    rpm(&root).args(["--upgrade", "--force", "--nodeps"]).arg(&package).quiet()?;
    root.script(include_str!("use_package.sh"))?;
    root.script("rm /usr/lib/dsnap/libdsnap_line.so && rmdir /usr/lib/dsnap")?;
    rpm(&root).args(["--erase", "dsnap"]).quiet()?;
    root.script("test -z \"$(find /usr /etc -name '*dsnap*' -o -name 'dirstorage_snapshot*')\"")?;
    root.ensure_only(&before, &IGNORED_PATHS)
}

/// Makes rpm for that root.
fn rpm(root: &Root) -> Program {
    Program::new("rpm").arg("--root").arg(&root.folder).args(["--dbpath", "/var/lib/rpm"])
}
