//! The inputs in `corpus/`: a text file for each target, one input on each line.
//!
//! Bytes are escaped as in Rust, so that a change can be reviewed, and an input can be written by hand.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Returns the file with the inputs of a target.
pub fn file(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(format!("{target}.txt"))
}

/// Reads the inputs of a target.
///
/// # Errors
///
/// The file cannot be read, or a line cannot be unescaped.
pub fn read(target: &str) -> io::Result<Vec<Vec<u8>>> {
    let path = file(target);
    let text = fs::read_to_string(&path)?;
    let lines = text.lines().zip(1..).map(|(line, number)| {
        let wrong = || io::Error::other(format!("{}: line {number}: wrong escape", path.display()));
        unescape(line).ok_or_else(wrong)
    });
    lines.collect()
}

/// Replaces the inputs of a target. Sorts them, so that a change shows only what is new.
///
/// # Errors
///
/// The file cannot be written.
pub fn write(target: &str, mut inputs: Vec<Vec<u8>>) -> io::Result<()> {
    inputs.sort();
    inputs.dedup();
    let lines = inputs.iter().map(|input| format!("{}\n", escape(input)));
    fs::write(file(target), lines.collect::<String>())
}

/// Writes bytes as one line. A blank at the end would be lost in an editor, so it is escaped.
fn escape(bytes: &[u8]) -> String {
    let line = bytes.escape_ascii().to_string();
    line.strip_suffix(' ').map_or_else(|| line.clone(), |rest| format!("{rest}\\x20"))
}

fn unescape(line: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut rest) = (Vec::new(), line.as_bytes());
    while let [first, after @ ..] = rest {
        let (byte, taken) = if *first == b'\\' { escaped(after)? } else { (*first, 0) };
        bytes.push(byte);
        rest = &after[taken..];
    }
    Some(bytes)
}

/// Reads what follows a backslash; returns the byte, and how long its escape is.
fn escaped(after: &[u8]) -> Option<(u8, usize)> {
    match after {
        [b'n', ..] => Some((b'\n', 1)),
        [b'r', ..] => Some((b'\r', 1)),
        [b't', ..] => Some((b'\t', 1)),
        [quoted @ (b'\\' | b'\'' | b'"'), ..] => Some((*quoted, 1)),
        [b'x', digits @ ..] => {
            let digits = digits.get(..2).filter(|it| it.iter().all(u8::is_ascii_hexdigit))?;
            let digits = std::str::from_utf8(digits).ok()?;
            Some((u8::from_str_radix(digits, 16).ok()?, 3))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_read_back_as_they_were() {
        let all: Vec<u8> = (0..=255).chain(*b" ends with a blank ").collect();
        let line = escape(&all);
        assert!(!line.contains('\n') && !line.ends_with(' '), "{line}");
        assert_eq!(unescape(&line), Some(all));
    }

    #[test]
    fn a_wrong_escape_is_noticed() {
        for wrong in ["\\", "\\q", "\\x", "\\x1", "\\x+1", "\\xé"] {
            assert_eq!(unescape(wrong), None, "{wrong}");
        }
    }
}
