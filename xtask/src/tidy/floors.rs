//! Which crate may depend on which: the edges that ARCHITECTURE.md allows, and no other.
//!
//! The table here repeats that page on purpose: a manifest cannot widen it by accident. Edges
//! between the modules of one crate are the subject of `rooms`.

use super::Finding;
use super::manifests::line_of;
use super::metadata::{Dependency, Kind, Member};

/// Each member, and the packages of this workspace that it may depend on.
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
    ("xtask/bench", &["dsnap-testkit"]),
    ("xtask/crash", &["dsnap-testkit"]),
    ("xtask/base", &[]),
    ("xtask/dist", &["dsnap", "dsnap-testkit"]),
    ("xtask/fuzz", FUZZED),
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

/// Everything that reads what others write.
const FUZZED: &[&str] = &[
    "dsnap",
    "dsnap-core",
    "dsnap-engine",
    "dsnap-host",
    "dsnap-direct",
    "dsnap-http",
    "dsnap-zeo",
];

/// Only the program may have this dev-dependency. The testkit depends on the crates below the
/// program: if their tests used it, cargo would build each of those crates twice.
const TESTKIT: &str = "dsnap-testkit";

/// Checks that a member depends only on packages that its floor allows.
pub(super) fn edges(member: &Member, manifest: &str) -> Vec<Finding> {
    let path = format!("{}/Cargo.toml", member.folder);
    let Some((_, allowed)) = FLOORS.iter().find(|(folder, _)| *folder == member.folder) else {
        let cure =
            "this member has no floor: add it to xtask/src/tidy/floors.rs and ARCHITECTURE.md";
        return vec![Finding::new(&path, 0, cure)];
    };
    let ours = member.dependencies.iter().filter(|it| it.package.starts_with("dsnap"));
    let wrong = ours.filter(|it| !is_allowed(member, it, allowed));
    wrong.map(|it| Finding::new(&path, line_of(manifest, it), cure(member, it))).collect()
}

fn is_allowed(member: &Member, dependency: &Dependency, allowed: &[&str]) -> bool {
    match dependency.kind {
        Kind::Dev => dependency.package != TESTKIT || member.folder == "crates/cli",
        Kind::Normal => allowed.contains(&dependency.package.as_str()),
    }
}

fn cure(member: &Member, dependency: &Dependency) -> String {
    let (member, package) = (&member.folder, &dependency.package);
    format!("{member} may not depend on {package}: move what it needs to a floor below both")
}
