//! Output, one line at a time. Output that cannot be written must not end a measurement.

use std::fmt::Display;
use std::io::{Write, stderr, stdout};

/// Writes a line to stdout.
pub(crate) fn line(text: impl Display) {
    let mut out = stdout().lock();
    _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Writes a line to stderr.
pub(crate) fn error(text: impl Display) {
    _ = writeln!(stderr().lock(), "{text}");
}
