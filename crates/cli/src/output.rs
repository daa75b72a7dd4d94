//! The one writer: lines to stderr, answers to stdout. What cannot be written (closed, full,
//! broken pipe) never changes a run.

use std::io::{self, Write};

/// Writes lines to stderr.
pub(crate) fn say(lines: &str) {
    let _ = io::stderr().lock().write_all(format!("{lines}\n").as_bytes());
}

/// Writes a text to stdout, and ends its last line.
pub(crate) fn answer(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}
