//! The tarball, unpacked into a Debian with an old C library.

use anyhow::{Result, ensure};

use super::root::Debian;
use crate::programs::Linkage;
use crate::{Dist, tarball};

/// Unpacks the tarball, and lets its programs do the demonstration, which judges the copies that it makes.
pub(super) fn check(dist: &Dist, debian: &Debian) -> Result<()> {
    let root = debian.copy("tarball")?;
    let name = tarball::name(Linkage::Glibc);
    root.put(&dist.out.join(format!("{name}.tar.gz")))?;
    root.script(&format!("cd /opt && tar -xzf /{name}.tar.gz"))?;
    let bin = format!("/opt/{name}/bin");
    let demo = root.script(&format!("{bin}/dsnap-testkit demo --dsnap {bin}/dsnap"))?;
    ensure!(demo.contains(DEMO_VERDICT), "the demonstration says:\n{demo}");
    Ok(())
}

/// How the demonstration ends if every copy was right.
const DEMO_VERDICT: &str = "Every copy that dsnap took care of is a good backup";
