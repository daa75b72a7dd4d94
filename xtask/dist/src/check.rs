//! Checks the packages, tarballs and programs as users get them: each in a root folder of its own.
//!
//! The Debian that is installed there is 11 or older, so that its C library is older than that of most
//! machines on which the programs are built. Everything below is made again by each check and removed
//! afterwards, except the Debian that the roots are copies of.

mod deb;
mod lint;
mod method;
mod root;
mod rpm;
mod static_program;
mod tarball;

use anyhow::{Result, ensure};
use xtask_base::output;

use crate::{Dist, tools};
use root::Debian;

/// Makes all checks.
pub(crate) fn make(dist: &Dist) -> Result<()> {
    ensure!(
        tools::is_root()?,
        "changing the root folder needs root: run `cargo xtask dist check` as root"
    );
    let debian = Debian::old(dist)?;
    for (what, check) in CHECKS {
        check(dist, &debian)?;
        output::line(format_args!("checked: {what}"));
    }
    Ok(())
}

/// What is checked, and how.
type Check = (&'static str, fn(&Dist, &Debian) -> Result<()>);

const CHECKS: [Check; 5] = [
    ("lintian has no complaint about the Debian package", |dist, _| lint::check(dist)),
    ("the Debian package works, is upgraded over itself, and leaves nothing behind", deb::check),
    ("the rpm works, is upgraded over itself, and leaves nothing behind", rpm::check),
    ("the tarball's programs do the demo with an old C library", tarball::check),
    ("the static program works in a folder with nothing but a storage", static_program::check),
];
