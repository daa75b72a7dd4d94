//! Another process that holds a lock: a real one, made with `flock(1)`.
#![allow(clippy::disallowed_methods, reason = "holding a lock takes another process")]

use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A process that holds the lock on a file until it is dropped.
#[derive(Debug)]
pub struct Holder(Child);

impl Holder {
    /// Starts the process, and waits until it holds the lock.
    ///
    /// # Errors
    ///
    /// Another process holds the lock, or there is no `flock` program.
    pub fn hold(file: &Path) -> io::Result<Self> {
        let mut command = Command::new("flock");
        command.args(["--exclusive", "--nonblock"]).arg(file).args([
            "sh",
            "-c",
            "echo locked; exec cat",
        ]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        child
            .stdout
            .take()
            .map(BufReader::new)
            .ok_or(io::ErrorKind::BrokenPipe)?
            .read_line(&mut line)?;
        let holder = Self(child);
        if line == "locked\n" { Ok(holder) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }

    /// Returns the process that locked the file.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Returns the name of its program.
    pub fn program(&self) -> &'static str {
        "flock"
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // `cat` ends when this end of the pipe is closed, and with it the lock.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dsnap_engine::system::flock::{FileLock, LockError};

    #[test]
    fn a_lock_is_held_until_its_holder_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lock");
        let holder = Holder::hold(&file).unwrap();
        assert!(matches!(FileLock::take(&file), Err(LockError::Held)));
        assert!(Holder::hold(&file).is_err());
        drop(holder);
        assert!(FileLock::take(&file).is_ok());
    }
}
