//! Reading the small files that a conf line names, such as a password.
//!
//! Others than the user who runs the program may have written the line, and so chosen these files.
//! `reading` waits for no pipe and reads no device.

use std::io::{self, Read};
use std::path::Path;

use dsnap_core::Reason;

use crate::system::{access, reading};

/// Reads the beginning of a regular file, at most `max_bytes` of it.
///
/// # Errors
///
/// The file is missing, unreadable or not a regular file; the text names the path.
pub fn read_beginning(path: &Path, max_bytes: usize) -> Result<Vec<u8>, Reason> {
    let unreadable = |error: io::Error| access::cannot_read(path, &error);
    let file = reading::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(max_bytes as u64).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}
