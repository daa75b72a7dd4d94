//! The Debian package, installed into a Debian.

use anyhow::Result;

use super::method;
use super::root::Debian;
use crate::{Dist, packages};

/// Installs the package, for which all dependencies must be there.
const INSTALL: &str = "dpkg --install /*.deb";

/// What dpkg and its helpers keep for themselves: locks, logs and backups of their own lists.
const KEPT: [&str; 4] = ["./var/lib/dpkg/", "./var/log/", "./var/cache/man", "./var/lib/dpkg"];

/// Installs the package, uses everything in it, upgrades it over itself, and removes it.
pub(super) fn check(dist: &Dist, debian: &Debian) -> Result<()> {
    let root = debian.copy("deb")?;
    root.put(&packages::deb(dist))?;
    let before = root.paths()?;
    root.script(INSTALL)?;
    method::install(dist, &root)?;
    root.script(include_str!("use_package.sh"))?;
    root.script("update-alternatives --set dirstorage_snapshot /usr/bin/dsnap")?;
    root.script(INSTALL)?;
    root.script(include_str!("use_package.sh"))?;
    // The library of the check is no part of the package.
    root.script("rm /usr/lib/dsnap/libdsnap_line.so && rmdir /usr/lib/dsnap")?;
    root.script("dpkg --remove dsnap && ! command -v dirstorage_snapshot && dpkg --purge dsnap")?;
    root.script(
        "! ls /var/lib/dpkg/info/dsnap.* /var/lib/dpkg/alternatives/dirstorage_snapshot 2>&1",
    )?;
    root.ensure_only(&before, &KEPT)
}
