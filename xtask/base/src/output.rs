//! Output of the tasks, one line at a time.
//!
//! The tasks share their streams with the programs that they start, so each line is written at
//! once. Output that cannot be written must not end a task: its reader may have closed the pipe.

use std::fmt::Display;
use std::io::{Write, stderr, stdout};

/// Writes a line to stdout.
pub fn line(text: impl Display) {
    let mut out = stdout().lock();
    _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Writes a line to stderr.
pub fn error(text: impl Display) {
    _ = writeln!(stderr().lock(), "{text}");
}
