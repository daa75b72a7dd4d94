//! `cargo xtask header [--check]`: writes the C header from the Rust definitions in `crates/core`.
//!
//! The header is committed, so authors need neither Rust nor this task. `--check` compares it with
//! the definitions. `crates/core/cbindgen.toml` says how it looks; the tests of that crate compare
//! what it means to a C compiler.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};

use xtask_base::{output, workspace};

const HEADER: &str = "include/dsnap.h";

/// Writes the header; with `--check`, only compares it.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let folder = workspace::root().join("crates/core");
    match args {
        [] => write(&folder)?,
        [check] if check == "--check" => compare(&folder)?,
        _ => bail!("header takes no argument but --check"),
    }
    output::line(format_args!("header: crates/core/{HEADER} is up to date"));
    Ok(())
}

fn write(folder: &Path) -> Result<()> {
    let path = folder.join(HEADER);
    fs::write(&path, generated(folder)?).with_context(|| format!("cannot write {}", path.display()))
}

/// Fails unless the header in `folder` matches the definitions there.
fn compare(folder: &Path) -> Result<()> {
    let committed = fs::read_to_string(folder.join(HEADER)).unwrap_or_default();
    let generated = generated(folder)?;
    ensure!(
        committed == generated,
        "crates/core/{HEADER} does not match the definitions{}: run `cargo xtask header`",
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
        .map_err(|error| anyhow!("cannot read crates/core/cbindgen.toml: {error}"))?;
    // Not as a package: the tests use a copy of the folder that is in no workspace.
    let entries =
        fs::read_dir(folder.join("src/abi")).context("cannot read crates/core/src/abi")?;
    let mut sources = entries.map(|it| Ok(it?.path())).collect::<Result<Vec<_>>>()?;
    sources.sort();
    sources.insert(0, folder.join("src/abi.rs"));
    let builder = cbindgen::Builder::new().with_config(config);
    let builder = sources.iter().fold(builder, |builder, source| builder.with_src(source));
    let mut header = Vec::new();
    builder.generate().context("cannot generate the header")?.write(&mut header);
    Ok(String::from_utf8(header)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Copies what the task reads and writes.
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
    fn a_changed_definition_fails_the_check_until_the_header_is_written() {
        let folder = copy("changed");
        assert!(compare(&folder).is_ok());
        for (file, from, to) in [
            ("src/abi.rs", "pub time_left_ms: u64,", "pub time_left_ms: u32,"),
            ("src/abi.rs", "DSNAP_ABI_VERSION: u32 = 1", "DSNAP_ABI_VERSION: u32 = 2"),
            ("src/abi/results.rs", "DSNAP_BUSY: i32 = 3", "DSNAP_BUSY: i32 = 12"),
            ("src/abi.rs", "/// The caller. Never NULL.", "/// The caller."),
        ] {
            let path = folder.join(file);
            let before = fs::read_to_string(&path).unwrap();
            assert!(before.contains(from), "{from}");
            fs::write(&path, before.replace(from, to)).unwrap();
            let error = format!("{:#}", compare(&folder).unwrap_err());
            assert!(error.ends_with("run `cargo xtask header`"), "{error}");
            write(&folder).unwrap();
            assert!(compare(&folder).is_ok(), "{to}");
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_missing_header_fails_the_check() {
        let folder = copy("missing");
        fs::remove_file(folder.join(HEADER)).unwrap();
        assert!(compare(&folder).is_err());
        fs::remove_dir_all(folder).unwrap();
    }
}
