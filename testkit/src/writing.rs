//! Writes files as a server does: with its modes, and with times that differ.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use dsnap_engine::storage::format::Format;

/// The first file's time: in the past, so that everything new is newer.
const FIRST: u64 = 1_767_225_600;

/// Writes files; each is a little over a second newer than the one before, or has the present time.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    files: u32,
    now: bool,
}

impl Writer {
    /// Gives files the present time.
    pub(crate) fn now() -> Self {
        Self { files: 0, now: true }
    }

    /// Writes a file, creates its folder and replaces an older file.
    pub(crate) fn write(&mut self, path: &Path, content: &[u8]) -> io::Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let _ = fs::remove_file(path);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(path)?;
        file.write_all(content)?;
        if self.now {
            return Ok(());
        }
        self.files += 1;
        let since_1970 =
            Duration::new(FIRST + u64::from(self.files), self.files * 1009 % 1_000_000_000);
        file.set_modified(UNIX_EPOCH + since_1970)
    }

    /// Writes the file of a flat name to its place below `folder`.
    pub(crate) fn place(
        &mut self,
        folder: &Path,
        format: Format,
        name: &str,
        content: &[u8],
    ) -> io::Result<()> {
        let place = format.place(OsStr::new(name)).ok_or(io::ErrorKind::InvalidInput)?;
        self.write(&folder.join(place), content)
    }
}
