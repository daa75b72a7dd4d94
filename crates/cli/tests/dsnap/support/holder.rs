//! One process that holds a lock, with nothing else that could inherit it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A process that holds the lock on a file until it is ended or dropped.
#[derive(Debug)]
pub(crate) struct LoneHolder(Child);

impl LoneHolder {
    /// Starts it, and waits until it holds the lock.
    #[track_caller]
    pub(crate) fn of(file: &Path) -> Self {
        let script = "exec 9>>\"$0\"; flock --nonblock 9 || exit 9; echo locked; exec sleep 600";
        let mut command = Command::new("bash");
        command.args(["-c", script]).arg(file).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let holder = Self(child);
        assert_eq!(line, "locked\n");
        holder
    }

    /// Says whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for LoneHolder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
