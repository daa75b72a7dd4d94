//! `cargo xtask header [--check]`: the header for C, from the Rust definitions of `crates/core`.
//!
//! The header is committed, so that an author needs neither Rust nor this task; `--check` says
//! whether it still is what the definitions say. How it looks is `crates/core/cbindgen.toml`'s
//! part, and whether it means the same to a C compiler is asked by the tests of that crate.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::{say, workspace};

const HEADER: &str = "include/dsnap.h";

/// Writes the header; with `--check` only compares.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let folder = workspace::root().join("crates/core");
    match args {
        [] => write(&folder)?,
        [check] if check == "--check" => compare(&folder)?,
        _ => bail!("header takes nothing, or --check"),
    }
    say::line(format_args!("header: crates/core/{HEADER} is what the definitions say"));
    Ok(())
}

fn write(folder: &Path) -> Result<()> {
    let path = folder.join(HEADER);
    fs::write(&path, generated(folder)?).with_context(|| path.display().to_string())
}

/// An error unless the header of `folder` is what its definitions say.
fn compare(folder: &Path) -> Result<()> {
    let committed = fs::read_to_string(folder.join(HEADER)).unwrap_or_default();
    let generated = generated(folder)?;
    ensure!(
        committed == generated,
        "crates/core/{HEADER} is not what the definitions say{}: run `cargo xtask header`",
        first_difference(&committed, &generated)
    );
    Ok(())
}

fn first_difference(committed: &str, generated: &str) -> String {
    let pairs = committed.lines().map(Some).chain([None]).zip(generated.lines().map(Some));
    let different = pairs.enumerate().find(|(_, (one, other))| one != other);
    different.map_or_else(String::new, |(number, _)| format!(" (line {})", number + 1))
}

fn generated(folder: &Path) -> Result<String> {
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml"))
        .map_err(|error| anyhow!("crates/core/cbindgen.toml: {error}"))?;
    // The sources themselves: a copy of the folder need not be part of a workspace.
    let entries = fs::read_dir(folder.join("src/abi")).context("crates/core/src/abi")?;
    let mut sources = entries.map(|it| Ok(it?.path())).collect::<Result<Vec<_>>>()?;
    sources.sort();
    sources.insert(0, folder.join("src/abi.rs"));
    let builder = cbindgen::Builder::new().with_config(config);
    let builder = sources.iter().fold(builder, |builder, source| builder.with_src(source));
    let mut header = Vec::new();
    builder.generate().context("the header cannot be generated")?.write(&mut header);
    Ok(String::from_utf8(header)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A copy of what the task reads and writes.
    fn copy(name: &str) -> std::path::PathBuf {
        let from = workspace::root().join("crates/core");
        let to =
            workspace::target().unwrap().join(format!("header-test-{}-{name}", std::process::id()));
        for file in ["cbindgen.toml", "src/abi.rs", "src/abi/results.rs", HEADER] {
            let copy = to.join(file);
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            fs::copy(from.join(file), copy).unwrap();
        }
        to
    }

    #[test]
    fn a_definition_that_changed_without_its_header_fails_the_check_and_writing_cures_it() {
        let folder = copy("changed");
        assert!(compare(&folder).is_ok());
        for (file, from, to) in [
            ("src/abi.rs", "pub time_left_ms: u64,", "pub time_left_ms: u32,"),
            ("src/abi.rs", "DSNAP_ABI_VERSION: u32 = 1", "DSNAP_ABI_VERSION: u32 = 2"),
            ("src/abi/results.rs", "DSNAP_BUSY: i32 = 3", "DSNAP_BUSY: i32 = 12"),
            ("src/abi.rs", "/// How many words there are.", "/// How many there are."),
        ] {
            let path = folder.join(file);
            let before = fs::read_to_string(&path).unwrap();
            assert!(before.contains(from), "{from}");
            fs::write(&path, before.replace(from, to)).unwrap();
            let said = format!("{:#}", compare(&folder).unwrap_err());
            assert!(said.ends_with("run `cargo xtask header`"), "{said}");
            write(&folder).unwrap();
            assert!(compare(&folder).is_ok(), "{to}");
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_header_that_is_missing_fails_the_check() {
        let folder = copy("missing");
        fs::remove_file(folder.join(HEADER)).unwrap();
        assert!(compare(&folder).is_err());
        fs::remove_dir_all(folder).unwrap();
    }
}
