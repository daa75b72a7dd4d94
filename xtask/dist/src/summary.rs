//! The list of results that ends the task.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use xtask_base::output;

/// Prints the files directly in a folder with their sizes, each folder with what it contains, and how long
/// the task took.
pub(crate) fn print(out: &Path, time: Duration) -> Result<()> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(out)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let name = if entry.file_type()?.is_dir() { format!("{name}/") } else { name };
        lines.push((name, size(&entry.path())?));
    }
    lines.sort();
    output::line(format_args!("\n{}:", out.display()));
    for (name, size) in lines {
        output::line(format_args!("{:>12}  {name}", with_separators(size)));
    }
    output::line(format_args!("made in {} min {} s", time.as_secs() / 60, time.as_secs() % 60));
    Ok(())
}

/// Adds up the sizes of a file, or of all files below a folder.
fn size(path: &Path) -> Result<u64> {
    if !path.is_dir() {
        return Ok(path.symlink_metadata()?.len());
    }
    let mut sum = 0;
    for entry in fs::read_dir(path)? {
        sum += size(&entry?.path())?;
    }
    Ok(sum)
}

/// Writes a number with spaces between thousands.
fn with_separators(number: u64) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{} {:03}", with_separators(number / 1000), number % 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_readable() {
        assert_eq!(with_separators(7), "7");
        assert_eq!(with_separators(1_007), "1 007");
        assert_eq!(with_separators(12_345_678), "12 345 678");
    }
}
