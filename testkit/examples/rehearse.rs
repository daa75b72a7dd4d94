//! Rehearses a backup from Rust: `cargo run -p dsnap-testkit --example rehearse`. The program
//! `dsnap` must be on the PATH.
#![allow(clippy::disallowed_methods, reason = "it starts dsnap")]

use std::error::Error;
use std::process::Command;

use dsnap_testkit::Site;
use dsnap_testkit::site::{Call, Fault, ServerName, ZeoConfig};

fn main() -> Result<(), Box<dyn Error>> {
    // Two Zopes. A proxy in front of the first one loses the answer to the first enter.
    let site = Site::builder().zopes(2).commits_per_second(50).start()?;
    site.fault(Some(0), Fault::BadGateway, Some(Call::Enter), Some(1));
    back_up(&site)?;

    // Two Zopes and one ZEO server. While no Zope runs, the ZEO server is asked.
    let site = Site::builder().zopes(2).zeo(ZeoConfig::default()).commits_per_second(50).start()?;
    site.stop(ServerName::Zope(0))?;
    site.crash(ServerName::Zope(1))?;
    back_up(&site)
}

/// Copies the storage with `dsnap`, and verifies the copy.
fn back_up(site: &Site) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("A");
    let mut dsnap = Command::new("dsnap");
    dsnap.arg("--storage").arg(site.path()).args(["cp", "-a"]);
    let status = dsnap.arg(site.storage().a()).arg(&copy).status()?;

    let verdict = site.ledger()?.verify(&copy);
    if !status.success() || !verdict.holds() || site.held().is_some() {
        return Err(format!("{status}; {verdict}; held: {:?}", site.held()).into());
    }
    Ok(())
}
