//! A simulated site: its conf, its Zope's port, a backup of it, and that it is free again.

use std::fs;
use std::path::PathBuf;

use dsnap_testkit::Site;
use dsnap_testkit::site::{Builder, ZeoConfig};

use super::folder::prefer_memory;
use super::libraries::write_script;
use super::outcome::Ran;
use super::program::Dsnap;
use super::storage::is_locked;

/// Returns the options of a site.
pub(crate) fn site_builder() -> Builder {
    prefer_memory();
    Site::builder()
}

/// Starts a site with one Zope.
pub(crate) fn site() -> Site {
    site_builder().start().unwrap()
}

/// Starts a site that commits all the time.
pub(crate) fn busy_site() -> Site {
    let site = site_builder().commits_per_second(200).start().unwrap();
    site.server().unwrap().commit(20).unwrap();
    site
}

/// Starts a site with one Zope that reaches the storage through a ZEO server.
pub(crate) fn zeo_site() -> Site {
    site_builder().zeo(ZeoConfig::default()).start().unwrap()
}

/// Writes `snapshot.conf`; `URL` and `URL2` stand for those of the site's Zopes, `ZEO` for the address
/// of its ZEO server.
pub(crate) fn conf(site: &Site, lines: &str) {
    let zeo = site.zeo_address().map(|address| format!("zeo {address}"));
    let mut text = lines.replace("zeo ZEO", zeo.as_deref().unwrap_or("zeo ZEO"));
    for (url, name) in site.urls().iter().zip(["URL", "URL2"]) {
        text = text.replace(&format!("{name} "), &format!("{url} "));
    }
    fs::write(site.storage().config().join("snapshot.conf"), text).unwrap();
}

/// The port of the site's first Zope.
pub(crate) fn port(site: &Site) -> String {
    let url = site.urls()[0].clone();
    let address = url.trim_start_matches("http://").split('/').next().unwrap();
    address.rsplit(':').next().unwrap().to_owned()
}

/// Copies `A/` under `dsnap`, as a backup does.
#[track_caller]
pub(crate) fn copies(dsnap: Dsnap, site: &Site, to: &str) -> (Ran, PathBuf) {
    let copy = site.path().parent().unwrap().join(to);
    let ran = dsnap.args(["cp", "-a"]).arg(site.storage().a()).arg(&copy).run();
    (ran, copy)
}

/// Asserts that the site is in no snapshot, and that its server has recombined.
#[track_caller]
pub(crate) fn assert_free(site: &Site) {
    site.server().unwrap().wait_until_free();
    assert_eq!(site.held(), None);
    assert!(is_locked(&site.storage().sublock()), "the server has its lock back");
}

/// Writes a script that ends the server with this order and starts it again, by the control port of the
/// site; returns its line.
pub(crate) fn script_that_ends_by(order: &str, site: &Site) -> String {
    let script = site.storage().config().join("stop-start");
    let text = format!(
        r#"#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/$(cat "$DSNAP_STORAGE/misc/dsnap-testkit.port")
case $1 in enter) echo {order} >&3 ;; leave) echo start >&3 ;; *) exit 64 ;; esac
read -r answer <&3 && [[ $answer == ok* ]] || [[ $1 == leave ]]
"#
    );
    write_script(&script, &text);
    format!("exec {}", script.display())
}
