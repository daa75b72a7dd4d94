//! The crates in the programs, as cargo lists them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use toml_edit::{DocumentMut, Item};
use xtask_base::workspace;

use crate::programs::{PROGRAMS, TARGET};

/// A crate: its name and version. Cargo never puts two crates with both the same into these programs.
pub(super) type Id = (String, String);

/// What is known of a crate.
#[derive(Debug)]
pub(super) struct Package {
    /// The license as an SPDX expression, if the crate states one.
    pub(super) license: Option<String>,
    /// The folder of its sources.
    pub(super) folder: PathBuf,
    /// SHA-256 of its archive; none for the crates of this workspace.
    pub(super) checksum: Option<String>,
    /// The crates that it uses and that are in the programs, too.
    pub(super) uses: BTreeSet<Id>,
}

/// All crates in the programs, and those of this workspace among them.
#[derive(Debug)]
pub(super) struct Dependencies {
    pub(super) packages: BTreeMap<Id, Package>,
}

impl Dependencies {
    /// Asks cargo what is compiled into the programs.
    pub(super) fn of_programs() -> Result<Self> {
        let mut inside = BTreeSet::new();
        for program in PROGRAMS {
            inside.extend(compiled_into(program)?);
        }
        let checksums = checksums()?;
        let metadata = metadata()?;
        let ids = ids(&metadata)?;
        let mut packages = BTreeMap::new();
        for node in list(&metadata["resolve"]["nodes"]) {
            let id = &ids[text(&node["id"])?];
            if inside.contains(id) {
                let uses = list(&node["deps"]).iter().filter_map(|it| ids.get(it["pkg"].as_str()?));
                let uses = uses.filter(|it| inside.contains(it)).cloned().collect();
                let package = package(&metadata, text(&node["id"])?, checksums.get(id), uses)?;
                packages.insert(id.clone(), package);
            }
        }
        ensure!(
            packages.len() == inside.len(),
            "cargo tree and cargo metadata list different crates"
        );
        Ok(Self { packages })
    }
}

/// Lists the crates that are compiled into a program, with the features that it asks for.
fn compiled_into(program: &str) -> Result<Vec<Id>> {
    let edges = ["--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let tree = workspace::cargo().args(["tree", "--locked", "--target", TARGET, "-p", program]);
    let output = tree.args(edges).quiet()?.stdout;
    let crates = output.lines().filter(|line| !line.is_empty()).map(|line| {
        let mut words = line.split(' ');
        let (name, version) = (words.next(), words.next().and_then(|it| it.strip_prefix('v')));
        Ok((name.context("no name")?.to_owned(), version.context(line.to_owned())?.to_owned()))
    });
    crates.collect()
}

fn metadata() -> Result<Value> {
    let args = ["metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET];
    Ok(serde_json::from_str(&workspace::cargo().args(args).quiet()?.stdout)?)
}

/// Maps cargo's own ids, which contain folders of this machine, to names and versions.
fn ids(metadata: &Value) -> Result<BTreeMap<&str, Id>> {
    let ids = list(&metadata["packages"]).iter().map(|package| {
        let id = (text(&package["name"])?.to_owned(), text(&package["version"])?.to_owned());
        Ok((text(&package["id"])?, id))
    });
    ids.collect()
}

fn package(
    metadata: &Value,
    id: &str,
    checksum: Option<&String>,
    uses: BTreeSet<Id>,
) -> Result<Package> {
    let known =
        list(&metadata["packages"]).iter().find(|it| it["id"] == id).context("no package")?;
    let manifest = PathBuf::from(text(&known["manifest_path"])?);
    Ok(Package {
        license: known["license"].as_str().map(|it| it.replace('/', " OR ")),
        folder: manifest.parent().context("a manifest in no folder")?.to_owned(),
        checksum: checksum.cloned(),
        uses,
    })
}

/// Reads the checksums of all crates from Cargo.lock.
fn checksums() -> Result<BTreeMap<Id, String>> {
    let lock: DocumentMut = fs::read_to_string(workspace::root().join("Cargo.lock"))?.parse()?;
    let packages =
        lock.get("package").and_then(Item::as_array_of_tables).context("Cargo.lock is empty")?;
    let field = |table: &toml_edit::Table, name| Some(table.get(name)?.as_str()?.to_owned());
    let known = packages.iter().filter_map(|it| {
        Some(((field(it, "name")?, field(it, "version")?), field(it, "checksum")?))
    });
    Ok(known.collect())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("cargo metadata has another form than expected")
}
