//! Starts the programs to be measured: the only file of the bench that starts programs.

#![allow(clippy::disallowed_methods, reason = "the only file of the bench that starts programs")]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::results::Sample;

/// How long one program may take, in seconds. The original needs minutes for many files.
const TIMEOUT: &str = "1800";

/// A program with its arguments, and what the stopwatch does before it starts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Invocation {
    words: Vec<OsString>,
    /// A file to which a record is written and synced first.
    record: Option<OsString>,
}

impl Invocation {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        Self { words: vec![program.as_ref().to_owned()], ..Self::default() }
    }

    pub(crate) fn arg(mut self, word: impl AsRef<OsStr>) -> Self {
        self.words.push(word.as_ref().to_owned());
        self
    }

    pub(crate) fn args<W: AsRef<OsStr>>(self, words: impl IntoIterator<Item = W>) -> Self {
        words.into_iter().fold(self, Self::arg)
    }

    /// The program and its arguments.
    pub(crate) fn words(&self) -> &[OsString] {
        &self.words
    }

    /// Lets the time include a record that is written and synced before the program starts.
    pub(crate) fn after_record(mut self, file: &Path) -> Self {
        self.record = Some(file.into());
        self
    }

    /// Runs the program under the stopwatch.
    pub(crate) fn measure(&self, stopwatch: &Path) -> Result<Sample> {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=10", TIMEOUT]).arg(stopwatch);
        if let Some(file) = &self.record {
            command.arg("--sync").arg(file);
        }
        let stdout = self.run(command.arg("--"))?;
        serde_json::from_str(&stdout).context("the stopwatch printed no measurement")
    }

    /// Runs the program without a stopwatch.
    pub(crate) fn finish(&self) -> Result<()> {
        let mut command = Command::new("timeout");
        self.run(command.args(["--kill-after=10", TIMEOUT])).map(drop)
    }

    /// Counts the system calls of the program and of the processes that it starts. Returns `None` without
    /// strace.
    pub(crate) fn count_system_calls(&self, scratch: &Path) -> Option<u64> {
        let counts = scratch.join("strace");
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-c", "-U", "name,calls", "-o"]).arg(&counts).arg("--");
        self.run(&mut command).ok()?;
        total(&fs::read_to_string(counts).ok()?)
    }

    fn run(&self, command: &mut Command) -> Result<String> {
        let output = command
            .args(&self.words)
            .output()
            .with_context(|| format!("cannot start `{}`", command.get_program().display()))?;
        if !output.status.success() {
            let words: Vec<_> = self.words.iter().map(|word| word.to_string_lossy()).collect();
            let stderr = String::from_utf8_lossy(&output.stderr);
            bail!("`{}` failed: {}\n{stderr}", words.join(" "), output.status);
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Reads the last line of the table of `strace -c -U name,calls`.
fn total(table: &str) -> Option<u64> {
    let lines = table.lines().map(str::split_whitespace);
    let mut totals = lines.filter_map(|mut words| {
        (words.next() == Some("total")).then(|| words.next()?.parse().ok())?
    });
    totals.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_system_calls_is_read() {
        let table =
            "syscall              calls\n------- ---\nread  3\nexecve 1\n------ ---\ntotal    4\n";
        assert_eq!(total(table), Some(4));
        assert_eq!(total("strace: no\n"), None);
    }
}
