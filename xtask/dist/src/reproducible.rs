//! Makes all results twice, in two clones in different folders, and compares them byte for byte.
//!
//! This compiles everything twice from the start, so it is only done if it is named.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xtask_base::process::Program;
use xtask_base::{output, python, workspace};

use crate::{Dist, PARTS, sums};

/// The folders of the clones. Their lengths differ, too.
const CLONES: [&str; 2] = ["one", "another/in a longer folder"];

/// What both clones may use, because it is installed in fixed versions.
const INSTALLED: [&str; 2] = ["tools", "ziglang"];

/// Makes the results twice, and fails if they differ.
pub(crate) fn make(dist: &Dist) -> Result<()> {
    let work = dist.work.join("reproducible");
    python::remove(&work)?;
    let [one, other] = CLONES.map(|folder| made_in(dist, &work.join(folder)));
    compare(&one?, &other?)?;
    python::remove(&work)
}

/// Clones HEAD into a folder, makes all results there, and lists their checksums.
fn made_in(dist: &Dist, folder: &Path) -> Result<BTreeMap<PathBuf, String>> {
    output::line(format_args!("making all results in {}", folder.display()));
    Program::new("git").args(["clone", "--quiet"]).arg(workspace::root()).arg(folder).quiet()?;
    let checkout = ["checkout", "--quiet", "--detach", &dist.commit.id];
    Program::new("git").dir(folder).args(checkout).quiet()?;
    let (target, work) = (folder.join("target"), folder.join("target/dist-work"));
    fs::create_dir_all(&work)?;
    for name in INSTALLED.iter().filter(|name| dist.work.join(name).exists()) {
        Program::new("cp").arg("-a").arg(dist.work.join(name)).arg(&work).quiet()?;
    }
    let parts = PARTS.iter().filter(|part| part.has_results()).map(|part| part.name);
    let cargo = Program::cargo().dir(folder).env("CARGO_TARGET_DIR", &target);
    cargo.args(["xtask", "dist"]).args(parts).run()?;
    let (out, mut found) = (target.join("dist"), BTreeMap::new());
    checksums(&out, &out, &mut found)?;
    Ok(found)
}

/// Lists the checksums of all files below a folder, by their paths from `top`.
fn checksums(top: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, String>) -> Result<()> {
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let path = entry?.path();
        if path.is_dir() {
            checksums(top, &path, found)?;
        } else {
            found.insert(path.strip_prefix(top)?.to_owned(), sums::sum(&fs::read(&path)?)?);
        }
    }
    Ok(())
}

/// Fails if the files differ, and names those.
fn compare(one: &BTreeMap<PathBuf, String>, other: &BTreeMap<PathBuf, String>) -> Result<()> {
    let names = one.keys().chain(other.keys());
    let mut differ: Vec<_> = names.filter(|name| one.get(*name) != other.get(*name)).collect();
    differ.sort();
    differ.dedup();
    ensure!(differ.is_empty(), "these files differ between the two folders: {differ:?}");
    output::line(format_args!("{} files are equal", one.len()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(of: &[(&str, &str)]) -> BTreeMap<PathBuf, String> {
        of.iter().map(|(name, sum)| ((*name).into(), (*sum).to_owned())).collect()
    }

    #[test]
    fn a_file_that_differs_or_is_missing_is_named() {
        let one = files(&[("a", "1"), ("b", "2"), ("c", "3")]);
        assert!(compare(&one, &one).is_ok());
        let error = compare(&one, &files(&[("a", "1"), ("b", "9")])).unwrap_err().to_string();
        assert!(error.ends_with(r#"["b", "c"]"#), "{error}");
    }
}
