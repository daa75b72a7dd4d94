//! What the program says: the one place that prints.

use std::fmt::Display;
use std::io::{Write, stderr, stdout};

/// One line on stdout, out at once: another program may write next.
pub(crate) fn line(text: impl Display) {
    let mut out = stdout().lock();
    // A reader that went away ends no command.
    _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Why a command failed, on stderr.
pub(crate) fn error(text: impl Display) {
    _ = writeln!(stderr().lock(), "dsnap-testkit: {text}");
}
