//! Prints the program's output: the only place that does.

use std::fmt::Display;
use std::io::{Write, stderr, stdout};

/// Prints a line on stdout, without buffering: another program may write next.
pub(crate) fn line(text: impl Display) {
    let mut out = stdout().lock();
    // A reader that has closed must not end the command.
    _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Prints on stderr why a command failed.
pub(crate) fn error(text: impl Display) {
    _ = writeln!(stderr().lock(), "dsnap-testkit: {text}");
}
