//! What `cargo metadata` says about the workspace: its members, and what each one depends on.
//!
//! Cargo resolves renames, inherited dependencies and targets, so the rules need no idea of how a
//! manifest is written. Comments, profiles and lints are not in its answer: see `manifests`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use xtask_base::process::Program;

/// A package of the workspace.
#[derive(Debug)]
pub(super) struct Member {
    /// Its folder, from the root of the checkout.
    pub(super) folder: String,
    pub(super) version: String,
    pub(super) dependencies: Vec<Dependency>,
    /// The root files of its libraries and programs, from the root of the checkout.
    pub(super) crate_roots: Vec<String>,
}

/// One package that a member names in its manifest.
#[derive(Debug, Deserialize)]
pub(super) struct Dependency {
    #[serde(rename = "name")]
    pub(super) package: String,
    /// The name in the manifest, where it differs from the package's.
    pub(super) rename: Option<String>,
    #[serde(default, deserialize_with = "kind")]
    pub(super) kind: Kind,
}

/// What a member needs a dependency for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// The crate, or its build script.
    #[default]
    Normal,
    /// Its tests, examples and benchmarks.
    Dev,
}

fn kind<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
    let name = Option::<String>::deserialize(deserializer)?;
    Ok(if name.as_deref() == Some("dev") { Kind::Dev } else { Kind::Normal })
}

#[derive(Deserialize)]
struct Answer {
    packages: Vec<Package>,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    version: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    src_path: PathBuf,
}

/// Asks cargo for the members of the workspace at `root`.
pub(super) fn members(root: &Path) -> Result<Vec<Member>> {
    let ask = ["metadata", "--no-deps", "--format-version", "1"];
    let answer = Program::cargo().args(ask).dir(root).quiet()?;
    let answer: Answer = serde_json::from_str(&answer.stdout)
        .context("cargo metadata answers in an unknown format")?;
    let members = answer.packages.into_iter();
    members.map(|package| package.into_member(&answer.workspace_root)).collect()
}

impl Package {
    fn into_member(self, root: &Path) -> Result<Member> {
        let folder = self.manifest_path.parent().context("a manifest outside of any folder")?;
        let crates = self.targets.iter().filter(|target| target.is_crate());
        Ok(Member {
            folder: below(root, folder)?,
            crate_roots: crates
                .map(|target| below(root, &target.src_path))
                .collect::<Result<_>>()?,
            version: self.version,
            dependencies: self.dependencies,
        })
    }
}

impl Target {
    /// Tells libraries and programs from tests, examples, benchmarks and build scripts.
    fn is_crate(&self) -> bool {
        self.kind.iter().any(|kind| kind == "bin" || kind.ends_with("lib"))
    }
}

/// Makes a path relative to the root of the checkout.
fn below(root: &Path, path: &Path) -> Result<String> {
    let relative = path.strip_prefix(root);
    let relative = relative.with_context(|| format!("{} lies elsewhere", path.display()))?;
    Ok(relative.to_string_lossy().into_owned())
}
