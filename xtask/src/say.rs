//! What the tasks say: one line at a time, on stdout.
//!
//! In one place so that the order of our lines and a child's stays right, and because output
//! that cannot be written (a pager was closed) must not end a task. Errors are said by `main`.

use std::fmt::Display;
use std::io::{Write, stderr, stdout};

/// One line on stdout, out at once: a child may write next.
pub(crate) fn line(text: impl Display) {
    let mut out = stdout().lock();
    _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// One line on stderr.
pub(crate) fn error(text: impl Display) {
    _ = writeln!(stderr().lock(), "{text}");
}
