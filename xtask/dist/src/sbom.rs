//! Lists the crates in the programs, in a bill of materials (CycloneDX), and their licenses.
//!
//! cargo-cyclonedx writes the folder of the checkout into its result, so its result differs from clone to
//! clone. Here, cargo lists what the programs contain, and this file only writes that list.

mod cyclonedx;
mod dependencies;
mod licenses;

use std::fs;

use anyhow::Result;

use crate::Dist;
use dependencies::Dependencies;

/// The bill of materials.
pub(crate) const BILL: &str = concat!("dsnap-", env!("CARGO_PKG_VERSION"), ".cdx.json");

/// The licenses of the crates in the programs.
pub(crate) const LICENSES: &str = "THIRD-PARTY-LICENSES.txt";

/// Writes the bill of materials and the licenses.
pub(crate) fn make(dist: &Dist) -> Result<()> {
    let dependencies = Dependencies::of_programs()?;
    let bill = cyclonedx::bill(&dependencies, &dist.commit)?;
    fs::write(dist.out.join(BILL), bill)?;
    fs::write(dist.out.join(LICENSES), licenses::texts(&dependencies)?)?;
    Ok(())
}
