//! The bill of materials in the format CycloneDX 1.5.

use anyhow::Result;
use serde_json::{Value, json};
use xtask_base::process::Program;

use super::dependencies::{Dependencies, Id, Package};
use crate::VERSION;
use crate::commit::Commit;
use crate::programs::PROGRAMS;

/// Writes the bill. It has no serial number, because two builds would get different ones.
pub(super) fn bill(dependencies: &Dependencies, commit: &Commit) -> Result<String> {
    let product = ("dsnap".to_owned(), VERSION.to_owned());
    let others = dependencies.packages.iter().filter(|(id, _)| **id != product);
    let mut components: Vec<_> = others.map(|(id, package)| component(id, package)).collect();
    components.push(standard_library()?);
    let edges = dependencies.packages.iter().map(|(id, package)| {
        json!({ "ref": purl(id), "dependsOn": package.uses.iter().map(purl).collect::<Vec<_>>() })
    });
    let bill = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": commit.iso_date,
            "component": dependencies.packages.get(&product).map(|package| component(&product, package)),
            "properties": [{ "name": "commit", "value": commit.id }],
        },
        "components": components,
        "dependencies": edges.collect::<Vec<_>>(),
    });
    Ok(format!("{bill:#}\n"))
}

fn component(id: &Id, package: &Package) -> Value {
    let (name, version) = id;
    let is_program = PROGRAMS.contains(&name.as_str());
    let mut component = json!({
        "type": if is_program { "application" } else { "library" },
        "bom-ref": purl(id),
        "name": name,
        "version": version,
        "purl": purl(id),
    });
    if let Some(license) = &package.license {
        component["licenses"] = json!([{ "expression": license }]);
    }
    if let Some(checksum) = &package.checksum {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    component
}

/// The standard library of Rust, which no manifest names.
fn standard_library() -> Result<Value> {
    let rustc = Program::new("rustc").args(["--version", "--verbose"]).quiet()?.stdout;
    let release =
        rustc.lines().find_map(|line| line.strip_prefix("release: ")).unwrap_or("unknown");
    Ok(json!({
        "type": "library",
        "bom-ref": "rust-std",
        "name": "std",
        "version": release,
        "licenses": [{ "expression": "MIT OR Apache-2.0" }],
    }))
}

fn purl((name, version): &Id) -> String {
    format!("pkg:cargo/{name}@{version}")
}
