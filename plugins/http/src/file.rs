//! Reading the small files that a line names.
//!
//! The conf may be written by others than who runs the program: a name may lead to a pipe, on
//! which opening would wait for ever, or to a device.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use dsnap_core::{Refusal, rights, text};
use rustix::fs::{Mode, OFlags};

/// The beginning of a regular file, at most `longest` bytes of it.
///
/// # Errors
///
/// It is missing, not to be read, or no regular file; the text names the path.
pub(crate) fn beginning(path: &Path, longest: usize) -> Result<Vec<u8>, Refusal> {
    let unreadable = |error: io::Error| rights::cannot_read(path, &error);
    let file = open(path).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(Refusal::new(format!("{} is not a regular file", text::path(path))));
    }
    let mut bytes = Vec::new();
    file.take(longest as u64).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// Opens without waiting for whoever may be at the other end.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}
