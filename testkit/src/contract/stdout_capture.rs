//! Stdout, led into a file during a call: what a method prints would land in the output of COMMAND.

use std::fs::File;
use std::io::{Read, Seek, Write, stdout};
use std::os::fd::OwnedFd;

/// A redirection of stdout into a file. Dropping it restores stdout.
pub(super) struct StdoutCapture {
    stdout: OwnedFd,
    file: File,
}

impl StdoutCapture {
    /// Redirects stdout; `None` if that is not possible.
    pub(super) fn start() -> Option<Self> {
        let file = tempfile::tempfile().ok()?;
        let stdout = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3).ok()?;
        rustix::stdio::dup2_stdout(&file).ok()?;
        Some(Self { stdout, file })
    }

    /// Returns what was printed; `None` if nothing was.
    pub(super) fn finish(mut self) -> Option<String> {
        // What the standard library still buffers was printed during the call.
        let _ = stdout().flush();
        let mut printed = Vec::new();
        self.file.rewind().ok()?;
        self.file.read_to_end(&mut printed).ok()?;
        (!printed.is_empty()).then(|| String::from_utf8_lossy(&printed).into_owned())
    }
}

impl Drop for StdoutCapture {
    fn drop(&mut self) {
        let _ = rustix::stdio::dup2_stdout(&self.stdout);
    }
}
