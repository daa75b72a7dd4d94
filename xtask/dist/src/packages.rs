//! The Debian package and the rpm.
//!
//! Both are made from one list of files ([`Tree`]) and one description (`packaging/package.toml`). The tools
//! read a small crate that this file writes: it contains nothing but the description, the list and the
//! scripts.

mod files;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use toml_edit::{Array, DocumentMut, InlineTable, Value, value};
use xtask_base::process::Program;
use xtask_base::python;

use crate::programs::Linkage;
use crate::tools::CargoTool;
use crate::tree::{READABLE, Tree};
use crate::{Dist, VERSION};

/// Counts the packages of one version of dsnap, as Debian's and RPM's versions do.
const REVISION: &str = "1";

const CARGO_DEB: CargoTool = CargoTool { name: "cargo-deb", version: "3.8.0", options: &[] };
const CARGO_GENERATE_RPM: CargoTool =
    CargoTool { name: "cargo-generate-rpm", version: "0.21.1", options: &[] };

/// The files of the crate that the tools read, beside the list of files.
const DESCRIPTION: &str = include_str!("../packaging/package.toml");
const CHANGELOG: &str = include_str!("../packaging/changelog");
const SCRIPTS: [(&str, &str); 5] = [
    ("deb/postinst", include_str!("../packaging/deb/postinst")),
    ("deb/prerm", include_str!("../packaging/deb/prerm")),
    ("rpm/post_install", include_str!("../packaging/rpm/post_install")),
    ("rpm/pre_uninstall", include_str!("../packaging/rpm/pre_uninstall")),
    ("rpm/post_uninstall", include_str!("../packaging/rpm/post_uninstall")),
];

/// Returns the path of the Debian package.
pub(crate) fn deb(dist: &Dist) -> PathBuf {
    dist.out.join(format!("dsnap_{VERSION}-{REVISION}_amd64.deb"))
}

/// Returns the path of the rpm.
pub(crate) fn rpm(dist: &Dist) -> PathBuf {
    dist.out.join(format!("dsnap-{VERSION}-{REVISION}.x86_64.rpm"))
}

/// Writes both packages.
pub(crate) fn make(dist: &Dist) -> Result<()> {
    make_deb(dist)?;
    make_rpm(dist)
}

fn make_deb(dist: &Dist) -> Result<()> {
    let files = files::debian(Tree::of(dist, Linkage::Glibc)?)?;
    let folder = package(dist, "deb", &files)?;
    let cargo_deb = CARGO_DEB.program(dist)?;
    let version = format!("{VERSION}-{REVISION}");
    let args = ["--no-build", "--no-strip", "--compress-system", "--deb-version", &version];
    run(dist, &folder, Program::new(cargo_deb).args(args).arg("--output").arg(deb(dist)))
}

fn make_rpm(dist: &Dist) -> Result<()> {
    let files = files::rpm(Tree::of(dist, Linkage::Glibc)?)?;
    let folder = package(dist, "rpm", &files)?;
    let cargo_rpm = CARGO_GENERATE_RPM.program(dist)?;
    let date = dist.commit.epoch.to_string();
    let args = ["generate-rpm", "--source-date", &date, "--payload-compress", "gzip", "--output"];
    run(dist, &folder, Program::new(cargo_rpm).args(args).arg(rpm(dist)))
}

/// Runs a tool in the folder of the crate, with the date of the commit.
fn run(dist: &Dist, folder: &Path, tool: Program) -> Result<()> {
    let tool = tool.dir(folder).env("CARGO_TARGET_DIR", folder.join("target"));
    tool.env("SOURCE_DATE_EPOCH", dist.commit.epoch.to_string()).quiet().map(drop)
}

/// Writes the crate with the description, the scripts and the files of one kind of package.
fn package(dist: &Dist, kind: &str, tree: &Tree) -> Result<PathBuf> {
    let folder = dist.work.join("packages").join(kind);
    python::remove(&folder)?;
    for (place, file) in tree.files() {
        write(&folder.join("tree").join(place), &file.bytes)?;
    }
    for (name, script) in SCRIPTS {
        write(&folder.join(name), script.as_bytes())?;
    }
    let changelog = CHANGELOG
        .replace("@VERSION@", VERSION)
        .replace("@REVISION@", REVISION)
        .replace("@DATE@", &dist.commit.mail_date);
    write(&folder.join("changelog"), changelog.as_bytes())?;
    write(&folder.join("src/lib.rs"), b"")?;
    write(&folder.join("Cargo.toml"), manifest(tree)?.as_bytes())?;
    Ok(folder)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let parent = path.parent().context("a file in no folder")?;
    fs::create_dir_all(parent)?;
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Completes the description by the version and the lists of files, as each tool wants them.
fn manifest(tree: &Tree) -> Result<String> {
    let mut manifest: DocumentMut = DESCRIPTION.parse()?;
    let package = &mut manifest["package"];
    package["version"] = value(VERSION);
    let (mut for_deb, mut for_rpm) = (Array::new(), Array::new());
    for (place, file) in tree.files() {
        let (source, target) = (format!("tree/{place}"), format!("/usr/{place}"));
        for_rpm.push(rpm_asset(&source, &target, file.mode));
        for_deb.push(Array::from_iter([
            source,
            target[1..].to_owned(),
            format!("{:o}", file.mode),
        ]));
    }
    package["metadata"]["deb"]["assets"] = value(for_deb);
    package["metadata"]["generate-rpm"]["assets"] = value(for_rpm);
    Ok(manifest.to_string())
}

fn rpm_asset(source: &str, target: &str, mode: u32) -> Value {
    let mut asset = InlineTable::new();
    asset.insert("source", source.into());
    asset.insert("dest", target.into());
    // With the type of a regular file, as in stat(2).
    asset.insert("mode", format!("100{mode:o}").into());
    if target.starts_with("/usr/share/doc/") && mode == READABLE {
        asset.insert("doc", true.into());
    }
    Value::InlineTable(asset)
}
