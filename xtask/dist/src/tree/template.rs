//! The loadable method to copy, with the crates that it needs, so that it compiles without this workspace
//! and without a network.
//!
//! The manifests of the workspace refer to its root. These references are replaced by what they stand for.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use toml_edit::{DocumentMut, InlineTable, Item, Table, Value};

/// The crates, and the folders into which they go.
const CRATES: [(&str, &str); 3] =
    [("plugins/template", "template"), ("crates/sdk", "sdk"), ("crates/core", "core")];

/// Lists the files of these crates: the place below the common folder, and the content.
pub(super) fn sources(root: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let workspace = fs::read_to_string(root.join("Cargo.toml"))?;
    let mut files = Vec::new();
    for (folder, place) in CRATES {
        let manifest = fs::read_to_string(root.join(folder).join("Cargo.toml"))?;
        let alone =
            standalone(&manifest, &workspace).with_context(|| format!("{folder}/Cargo.toml"))?;
        files.push((format!("{place}/Cargo.toml"), alone.into_bytes()));
        rust_files(&root.join(folder).join("src"), &format!("{place}/src"), &mut files)?;
    }
    let c = fs::read(root.join("testkit/c/plugin.c"))?;
    files.push(("line.c".to_owned(), c));
    Ok(files)
}

fn rust_files(folder: &Path, place: &str, files: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let entry = entry?;
        let place = format!("{place}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            rust_files(&entry.path(), &place, files)?;
        } else {
            files.push((place, fs::read(entry.path())?));
        }
    }
    Ok(())
}

/// Makes a manifest that needs no workspace.
fn standalone(manifest: &str, workspace: &str) -> Result<String> {
    let workspace: DocumentMut = workspace.parse()?;
    let mut manifest: DocumentMut = manifest.parse()?;
    let inherited = workspace["workspace"]["package"].as_table().context("no workspace.package")?;
    let package = manifest["package"].as_table_mut().context("no package")?;
    inherit(package, inherited);
    package.remove("readme");
    if let Some(dependencies) = manifest.get_mut("dependencies").and_then(Item::as_table_mut) {
        for (name, item) in dependencies.iter_mut().filter(|(_, item)| is_inherited(item)) {
            *item = beside(name.get());
        }
    }
    for key in ["lints", "dev-dependencies"] {
        manifest.remove(key);
    }
    // So that the crate belongs to no workspace in a folder above.
    manifest.insert("workspace", Item::Table(Table::new()));
    Ok(manifest.to_string())
}

/// Replaces `KEY.workspace = true` by the value of the workspace.
fn inherit(package: &mut Table, workspace: &Table) {
    for (key, item) in package.iter_mut().filter(|(_, item)| is_inherited(item)) {
        if let Some(value) = workspace.get(key.get()) {
            *item = value.clone();
        }
    }
}

fn is_inherited(item: &Item) -> bool {
    item.get("workspace").and_then(Item::as_bool) == Some(true)
}

/// A dependency on a crate of the workspace, in the folder beside.
fn beside(name: &str) -> Item {
    let mut table = InlineTable::new();
    table.insert("path", format!("../{}", name.trim_start_matches("dsnap-")).into());
    Item::Value(Value::InlineTable(table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_that_leaves_the_workspace_names_no_workspace() {
        let workspace = "[workspace.package]\nversion = \"1.2.3\"\nedition = \"2024\"\n";
        let manifest = "[package]\nname = \"dsnap-x\"\nversion.workspace = true\n\n[dependencies]\n\
                        dsnap-sdk.workspace = true\n\n[lints]\nworkspace = true\n";
        let alone = standalone(manifest, workspace).unwrap();
        let expected = "[package]\nname = \"dsnap-x\"\nversion = \"1.2.3\"\n\n[dependencies]\n\
                        dsnap-sdk = { path = \"../sdk\" }\n\n[workspace]\n";
        assert_eq!(alone, expected);
    }

    #[test]
    fn every_crate_of_the_template_is_among_the_sources() {
        let files = sources(&xtask_base::workspace::root()).unwrap();
        for crate_folder in ["template", "sdk", "core"] {
            for name in ["Cargo.toml", "src/lib.rs"] {
                let place = format!("{crate_folder}/{name}");
                assert!(files.iter().any(|(it, _)| *it == place), "{place}");
            }
        }
    }
}
