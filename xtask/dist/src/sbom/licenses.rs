//! The licenses of the crates in the programs, which must accompany the programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::dependencies::Dependencies;

/// How the names of files with licenses begin.
const NAMES: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];

const HEAD: &str = "\
The programs dsnap and dsnap-testkit contain the crates below. Each text appears once, below the names of
its crates. The programs also contain the standard library of Rust (MIT OR Apache-2.0); the static ones
contain the GNU C Library (LGPL-2.1-or-later), whose sources are at https://www.gnu.org/software/libc/.
";

/// Lists the crates of others with their licenses, then all texts.
pub(super) fn texts(dependencies: &Dependencies) -> Result<String> {
    let mut crates_by_text: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut all = format!("{HEAD}\n");
    let foreign = dependencies.packages.iter().filter(|(_, package)| package.checksum.is_some());
    for ((name, version), package) in foreign {
        let license = package.license.as_deref();
        let license = license.with_context(|| format!("{name} {version} states no license"))?;
        writeln!(all, "{name} {version}: {license}")?;
        for text in of_crate(&package.folder)? {
            crates_by_text.entry(text).or_default().insert(format!("{name} {version}"));
        }
    }
    ensure!(!crates_by_text.is_empty(), "no crate has a license text");
    for (text, crates) in crates_by_text {
        let crates: Vec<_> = crates.into_iter().collect();
        write!(all, "\n{}\n{}\n\n{text}", "=".repeat(100), crates.join(", "))?;
    }
    Ok(all)
}

/// Reads the texts in the folder of a crate.
fn of_crate(folder: &Path) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_uppercase();
        if entry.file_type()?.is_file() && NAMES.iter().any(|begin| name.starts_with(begin)) {
            let text = String::from_utf8_lossy(&fs::read(entry.path())?).replace("\r\n", "\n");
            texts.push(format!("{}\n", text.trim_end()));
        }
    }
    Ok(texts)
}
