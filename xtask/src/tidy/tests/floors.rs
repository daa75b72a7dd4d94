//! The edges between crates.

use std::fs;
use std::path::PathBuf;

use super::super::floors::edges;
use super::super::metadata::{self, Kind};
use super::{cures, member};

/// Checks a member of this folder that depends on these packages.
fn found(folder: &str, dependencies: &[(&str, Kind)]) -> Vec<String> {
    cures(edges(&member(folder, dependencies), ""))
}

#[test]
fn an_edge_may_only_point_down() {
    let down = [("dsnap-core", Kind::Normal), ("anyhow", Kind::Normal)];
    assert_eq!(found("crates/host", &down), [""; 0]);
    let manifest = "[dependencies]\n\ndsnap-host = { path = \"../host\" }\n";
    let up = edges(&member("crates/core", &[("dsnap-host", Kind::Normal)]), manifest);
    assert_eq!(
        cures(up),
        [
            "crates/core/Cargo.toml:3: crates/core may not depend on dsnap-host: move what it needs to a floor below both"
        ]
    );
}

#[test]
fn an_edge_is_found_in_every_form_of_a_manifest() {
    let workspace = Workspace::new("forms");
    for (line, dependency) in [
        (7, "[dependencies]\ndsnap-host = { path = \"../host\" }\n"),
        (7, "[dependencies]\nhost = { package = \"dsnap-host\", path = \"../host\" }\n"),
        (7, "[dependencies]\nhost.workspace = true\n"),
        (6, "[dependencies.dsnap-host]\npath = \"../host\"\n"),
        (7, "[target.'cfg(unix)'.dependencies]\ndsnap-host.path = \"../host\"\n"),
        (7, "[build-dependencies]\ndsnap-host.path = \"../host\" # reason\n"),
    ] {
        let manifest = workspace.package("core", dependency);
        let members = metadata::members(&workspace.0).unwrap();
        let core = members.iter().find(|member| member.folder == "crates/core").unwrap();
        let found = cures(edges(core, &manifest));
        let [found] = &found[..] else { panic!("{dependency}: {found:?}") };
        assert!(found.starts_with(&format!("crates/core/Cargo.toml:{line}: ")), "{found}");
    }
}

/// A workspace of two packages, for cargo to read.
struct Workspace(PathBuf);

impl Workspace {
    fn new(test: &str) -> Self {
        let name = format!("floors-test-{}-{test}", std::process::id());
        let workspace = Self(xtask_base::workspace::target().unwrap().join(name));
        workspace.package("host", "");
        let root = "[workspace]\nmembers = [\"crates/*\"]\n[workspace.dependencies]\nhost = { package = \"dsnap-host\", path = \"crates/host\" }\n";
        fs::write(workspace.0.join("Cargo.toml"), root).unwrap();
        workspace
    }

    /// Writes a package; returns its manifest.
    fn package(&self, name: &str, dependencies: &str) -> String {
        let folder = self.0.join("crates").join(name);
        fs::create_dir_all(folder.join("src")).unwrap();
        fs::write(folder.join("src/lib.rs"), "").unwrap();
        let package = format!("name = \"dsnap-{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"");
        let manifest = format!("[package]\n{package}\n\n{dependencies}");
        fs::write(folder.join("Cargo.toml"), &manifest).unwrap();
        manifest
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn only_the_tests_of_the_program_may_use_the_testkit() {
    let dev = [("dsnap-testkit", Kind::Dev), ("dsnap-direct", Kind::Dev)];
    assert_eq!(found("crates/cli", &dev), [""; 0]);
    assert_eq!(found("crates/core", &dev).len(), 1);
    assert_eq!(found("crates/cli", &[("dsnap-testkit", Kind::Normal)]).len(), 1);
}

#[test]
fn a_member_needs_a_floor() {
    assert!(found("crates/new", &[])[0].contains("has no floor"));
}
