//! The Debian package, installed into a Debian.

use anyhow::Result;

use super::method;
use super::root::Debian;
use crate::{Dist, packages};

/// Installs the package, for which all dependencies must be there.
const INSTALL: &str = "dpkg --install /*.deb";

/// What dpkg and its helpers keep for themselves: locks, logs and backups of their own lists.
const IGNORED_PATHS: [&str; 4] =
    ["./var/lib/dpkg/", "./var/log/", "./var/cache/man", "./var/lib/dpkg"];

/// Fails if dpkg or update-alternatives still know the package.
const NOTHING_LEFT: &str = "test -z \"$(find /var/lib/dpkg/info /var/lib/dpkg/alternatives \
                            -name 'dsnap.*' -o -name dirstorage_snapshot)\"";

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
    root.script(NOTHING_LEFT)?;
    root.ensure_only(&before, &IGNORED_PATHS)?;
    beside_the_original(dist, debian)
}

/// Installs and removes the package where the original is installed under its own name: as a file, and as
/// a link. The name stays the original's.
fn beside_the_original(dist: &Dist, debian: &Debian) -> Result<()> {
    let root = debian.copy("deb-original")?;
    root.put(&packages::deb(dist))?;
    for original in ["cp /bin/true", "ln -s /bin/true"] {
        root.script(&format!("{original} /usr/bin/dirstorage_snapshot"))?;
        root.script(&format!("{INSTALL} | grep 'dirstorage_snapshot is another program'"))?;
        root.script("cmp /usr/bin/dirstorage_snapshot /bin/true && dpkg --purge dsnap")?;
        root.script("cmp /usr/bin/dirstorage_snapshot /bin/true")?;
        root.script("rm /usr/bin/dirstorage_snapshot")?;
        root.script(NOTHING_LEFT)?;
    }
    Ok(())
}
