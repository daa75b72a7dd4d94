//! `cargo xtask header [--check]`: the header for C, from the Rust definitions of `crates/abi`.
//!
//! The header is committed, so that an author needs neither Rust nor this task; `--check` says
//! whether it still is what the definitions say. How it looks is `crates/abi/cbindgen.toml`'s
//! part, and whether it means the same to a C compiler is asked by the tests of that crate.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::{say, workspace};

const HEADER: &str = "include/dsnap.h";

/// Writes the header; with `--check` only compares.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let folder = workspace::root().join("crates/abi");
    match args {
        [] => write(&folder),
        [check] if check == "--check" => compare(&folder),
        _ => bail!("header takes nothing, or --check"),
    }
}

fn write(folder: &Path) -> Result<()> {
    let path = folder.join(HEADER);
    fs::write(&path, generated(folder)?).with_context(|| path.display().to_string())?;
    say::line("header: written to crates/abi/include/dsnap.h");
    Ok(())
}

/// An error unless the header of `folder` is what its definitions say.
fn compare(folder: &Path) -> Result<()> {
    let committed = fs::read_to_string(folder.join(HEADER)).unwrap_or_default();
    let generated = generated(folder)?;
    ensure!(
        committed == generated,
        "crates/abi/{HEADER} is not what the definitions say{}: run `cargo xtask header`",
        first_difference(&committed, &generated)
    );
    say::line("header: is what the definitions say");
    Ok(())
}

fn first_difference(committed: &str, generated: &str) -> String {
    let pairs = committed.lines().map(Some).chain([None]).zip(generated.lines().map(Some));
    let different = pairs.enumerate().find(|(_, (one, other))| one != other);
    different.map_or_else(String::new, |(number, _)| format!(" (line {})", number + 1))
}

fn generated(folder: &Path) -> Result<String> {
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml"))
        .map_err(|error| anyhow!("crates/abi/cbindgen.toml: {error}"))?;
    // The sources themselves: a copy of the folder need not be part of a workspace.
    let sources = ["lib.rs", "results.rs"].map(|name| folder.join("src").join(name));
    let builder = cbindgen::Builder::new().with_config(config);
    let builder = sources.iter().fold(builder, |builder, source| builder.with_src(source));
    let mut header = Vec::new();
    builder.generate().context("the header cannot be generated")?.write(&mut header);
    Ok(String::from_utf8(header)?)
}
