//! The packages for crates.io, and the order in which they must be published.
//!
//! The part `crate-builds` builds each package from its own archive, with the other archives in the place of
//! the registry. So a file that is missing in an archive is noticed there.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use xtask_base::workspace::{cargo, target};

use crate::Dist;

/// The members of the workspace, as `cargo metadata` lists them.
#[derive(Deserialize)]
struct Members {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    /// The registries that the package may go to: absent for all, empty for none.
    publish: Option<Vec<String>>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// The versions that may be used. Cargo removes a dependency without one from the archive.
    req: String,
}

/// Packages all crates, and writes the archives and `ORDER` to `crates`.
pub(crate) fn make(dist: &Dist) -> Result<()> {
    let packages = in_publishing_order(members()?)?;
    package(&packages, &["--no-verify"])?;
    let folder = dist.out.join("crates");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for Package { name, version, .. } in &packages {
        let file = format!("{name}-{version}.crate");
        fs::copy(target()?.join("package").join(&file), folder.join(&file))
            .with_context(|| format!("cannot copy {file}"))?;
    }
    let order: String = packages.iter().map(|package| format!("{}\n", package.name)).collect();
    fs::write(folder.join("ORDER"), order).context("cannot write ORDER")
}

/// Builds each package from its archive.
pub(crate) fn build(_dist: &Dist) -> Result<()> {
    package(&in_publishing_order(members()?)?, &[])
}

fn package(packages: &[Package], options: &[&str]) -> Result<()> {
    let names = packages.iter().flat_map(|it| ["-p", &it.name]);
    cargo().args(["package", "--locked"]).args(options).args(names).run()
}

fn members() -> Result<Members> {
    let ask = ["metadata", "--no-deps", "--locked", "--format-version", "1"];
    let answer = cargo().args(ask).quiet()?;
    serde_json::from_str(&answer.stdout).context("cargo metadata answers in an unknown format")
}

/// Sorts the packages that are published: each one behind those that it depends on.
fn in_publishing_order(members: Members) -> Result<Vec<Package>> {
    let mut waiting: Vec<Package> = members.packages;
    waiting.retain(|package| package.publish.is_none());
    let mut sorted: Vec<Package> = Vec::new();
    while !waiting.is_empty() {
        let names: BTreeSet<_> = waiting.iter().map(|package| package.name.clone()).collect();
        let (blocked, ready): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|package| package.depends_on_one_of(&names));
        ensure!(!ready.is_empty(), "these packages depend on each other: {names:?}");
        sorted.extend(ready);
        waiting = blocked;
    }
    Ok(sorted)
}

impl Package {
    fn depends_on_one_of(&self, names: &BTreeSet<String>) -> bool {
        let versioned = self.dependencies.iter().filter(|it| it.req != "*");
        versioned.into_iter().any(|dependency| names.contains(&dependency.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(members: Members) -> Result<Vec<String>> {
        Ok(in_publishing_order(members)?.into_iter().map(|package| package.name).collect())
    }

    fn package(name: &str, dependencies: &[(&str, &str)]) -> Package {
        let dependency =
            |(name, req): &(&str, &str)| Dependency { name: (*name).into(), req: (*req).into() };
        let dependencies = dependencies.iter().map(dependency).collect();
        Package { name: name.into(), version: "1.0.0".into(), publish: None, dependencies }
    }

    #[test]
    fn a_package_is_published_after_those_that_it_depends_on() {
        let private = Package { publish: Some(Vec::new()), ..package("private", &[]) };
        let packages = vec![
            package("program", &[("library", "^1"), ("serde", "^1"), ("private", "*")]),
            package("library", &[("program", "*")]),
            private,
        ];
        assert_eq!(order(Members { packages }).unwrap(), ["library", "program"]);
    }

    #[test]
    fn packages_that_depend_on_each_other_are_an_error() {
        let packages = vec![package("a", &[("b", "^1")]), package("b", &[("a", "^1")])];
        assert!(order(Members { packages }).is_err());
    }

    #[test]
    fn the_contract_is_published_first_and_the_program_last() {
        let order = order(members().unwrap()).unwrap();
        assert_eq!(order.first().map(String::as_str), Some("dsnap-core"));
        assert_eq!(order.last().map(String::as_str), Some("dsnap"));
        assert!(!order.contains(&"dsnap-testkit".to_owned()), "{order:?}");
    }
}
