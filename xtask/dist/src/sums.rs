//! The checksums of all files that people download: `sha256sum -c SHA256SUMS` checks them.

use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::Dist;

/// The file with the checksums.
const SUMS: &str = "SHA256SUMS";

/// Writes the checksums of the files directly in the folder of results.
pub(crate) fn make(dist: &Dist) -> Result<()> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(&dist.out)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_file() && name != SUMS {
            let line = line(&name, &fs::read(entry.path())?)?;
            lines.push((name, line));
        }
    }
    lines.sort();
    let lines: String = lines.into_iter().map(|(_, line)| line).collect();
    fs::write(dist.out.join(SUMS), lines).context("cannot write SHA256SUMS")
}

/// Makes the line of one file, as sha256sum writes it.
fn line(name: &str, bytes: &[u8]) -> Result<String> {
    Ok(format!("{}  {name}\n", sum(bytes)?))
}

/// Returns the SHA-256 of some bytes, in hexadecimal digits.
pub(crate) fn sum(bytes: &[u8]) -> Result<String> {
    let mut sum = String::new();
    for byte in Sha256::digest(bytes) {
        write!(sum, "{byte:02x}")?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_sha256sum_writes_it() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  abc\n";
        assert_eq!(line("abc", b"abc").unwrap(), abc);
    }
}
