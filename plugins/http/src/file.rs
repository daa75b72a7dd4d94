//! Reading the small files that a line names.
//!
//! The conf may be written by others than who runs the program: `core::reading` waits for no
//! pipe, and reads no device.

use std::io::{self, Read};
use std::path::Path;

use dsnap_core::Reason;
use dsnap_engine::system::{access, reading};

/// The beginning of a regular file, at most `longest` bytes of it.
///
/// # Errors
///
/// It is missing, not to be read, or no regular file; the text names the path.
pub(crate) fn beginning(path: &Path, longest: usize) -> Result<Vec<u8>, Reason> {
    let unreadable = |error: io::Error| access::cannot_read(path, &error);
    let file = reading::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(longest as u64).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}
