//! Which crate may depend on which: the arrows that ARCHITECTURE.md allows, and no other.
//!
//! The table is written a second time on purpose: a manifest cannot widen it by accident. How a
//! manifest is read is `manifests`' part.

use super::Finding;
use super::manifests::{Kind, dependencies};

/// Member, and the packages of this workspace that it may depend on.
const FLOORS: &[(&str, &[&str])] = &[
    ("crates/core", &[]),
    ("crates/engine", &["dsnap-core"]),
    ("crates/sdk", &["dsnap-core"]),
    ("crates/host", &["dsnap-core", "dsnap-engine"]),
    ("plugins/direct", &["dsnap-core", "dsnap-engine"]),
    ("plugins/http", &["dsnap-core", "dsnap-engine"]),
    ("plugins/exec", &["dsnap-core", "dsnap-engine", "dsnap-host"]),
    ("plugins/zeo", &["dsnap-core", "dsnap-engine"]),
    ("plugins/zeo/loadable", &["dsnap-zeo", "dsnap-sdk"]),
    ("plugins/template", &["dsnap-core", "dsnap-sdk"]),
    ("crates/cli", PROGRAM),
    ("testkit", PROGRAM),
    ("testkit/villains", &["dsnap-sdk"]),
    ("xtask", &[]),
];

const PROGRAM: &[&str] = &[
    "dsnap-core",
    "dsnap-engine",
    "dsnap-host",
    "dsnap-direct",
    "dsnap-http",
    "dsnap-exec",
    "dsnap-zeo",
];

/// The testkit uses the program's crates: were it used below them, cargo would build two of each.
const TESTKIT: &str = "dsnap-testkit";

/// Every arrow of a member that the table has not.
pub(super) fn edges(member: &str, path: &str, manifest: &str) -> Vec<Finding> {
    let Some((_, allowed)) = FLOORS.iter().find(|(floor, _)| *floor == member) else {
        return vec![Finding::new(
            path,
            0,
            "this member has no floor: add it to xtask/src/tidy/floors.rs and ARCHITECTURE.md",
        )];
    };
    let ours = dependencies(manifest)
        .into_iter()
        .filter(|dependency| dependency.package.starts_with("dsnap"));
    let wrong = ours.filter(|dependency| match dependency.kind {
        Kind::Dev => dependency.package == TESTKIT && member != "crates/cli",
        Kind::Normal => !allowed.contains(&dependency.package.as_str()),
    });
    wrong
        .map(|dependency| Finding::new(path, dependency.line, cure(member, &dependency.package)))
        .collect()
}

fn cure(member: &str, package: &str) -> String {
    format!("{member} may not depend on {package}: move what is needed to a floor below both")
}
