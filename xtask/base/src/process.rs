//! Starts programs and reads the environment: the only file of xtask that does.
//!
//! Every failure becomes an error that shows the command as a user would type it. A program that
//! hangs is ended by coreutils' `timeout`, with its whole process group. Each task decides for
//! itself what a failure means.

#![allow(
    clippy::disallowed_methods,
    reason = "the only file of xtask that starts programs and reads the environment"
)]

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

/// The exit statuses of `timeout` after it ended the program: with TERM, and with KILL.
const TIMED_OUT: [i32; 2] = [124, 137];

/// A program to be started, and its command line for messages.
#[derive(Debug)]
pub struct Program {
    command: Command,
    line: String,
    limit: Option<Duration>,
}

/// How a program ended, and what it wrote.
#[derive(Debug)]
pub struct Finished {
    line: String,
    status: ExitStatus,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Program {
    /// Makes a program without a time limit.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let line = program.as_ref().to_string_lossy().into_owned();
        Self { command: Command::new(program), line, limit: None }
    }

    /// Makes the cargo that runs this task.
    pub fn cargo() -> Self {
        let mut cargo = Self::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.line = "cargo".into();
        cargo
    }

    /// Makes a program that is ended, with everything it started, after `limit`.
    pub fn within(limit: Duration, program: impl AsRef<OsStr>) -> Self {
        let line = program.as_ref().to_string_lossy().into_owned();
        let mut command = Command::new("timeout");
        command.arg("--kill-after=10").arg(limit.as_secs().to_string()).arg(program);
        command.stdin(Stdio::null());
        Self { command, line, limit: Some(limit) }
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.line.push(' ');
        self.line.push_str(&arg.as_ref().to_string_lossy());
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args(self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it in this folder.
    pub fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Puts `dir` first on the PATH of this program and of what it starts.
    pub fn path_first(self, dir: &Path) -> Result<Self> {
        let rest = environment("PATH").unwrap_or_default();
        let path = env::join_paths([dir.to_owned()].into_iter().chain(env::split_paths(&rest)))?;
        Ok(self.env("PATH", path))
    }

    /// Runs it with the streams of xtask, and returns how it ended.
    pub fn status(mut self) -> Result<ExitStatus> {
        self.command.status().with_context(|| format!("cannot start `{}`", self.line))
    }

    /// Runs it with the streams of xtask; any exit status but 0 is an error.
    pub fn run(self) -> Result<()> {
        let line = self.line.clone();
        match self.status()? {
            status if status.success() => Ok(()),
            status => bail!("`{line}` failed: {status}"),
        }
    }

    /// Runs it and keeps what it writes.
    pub fn output(mut self) -> Result<Finished> {
        let output =
            self.command.output().with_context(|| format!("cannot start `{}`", self.line))?;
        if let (Some(limit), Some(code)) = (self.limit, output.status.code())
            && TIMED_OUT.contains(&code)
        {
            bail!("`{}` was ended after {} seconds", self.line, limit.as_secs());
        }
        Ok(Finished {
            line: self.line,
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs it and keeps what it writes; any exit status but 0 is an error that shows all of it.
    pub fn quiet(self) -> Result<Finished> {
        let finished = self.output()?;
        if finished.success() { Ok(finished) } else { Err(finished.failure()) }
    }
}

impl Finished {
    /// Tells whether its exit status was 0.
    pub fn success(&self) -> bool {
        self.status.success()
    }

    /// Returns its exit status; `None` if a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Makes an error of it: the status, then both streams.
    pub fn failure(&self) -> anyhow::Error {
        anyhow!("`{}` failed: {}\n{}{}", self.line, self.status, self.stdout, self.stderr)
    }
}

/// Reads a variable of the environment.
pub fn environment(name: &str) -> Option<OsString> {
    env::var_os(name)
}

/// Finds a program in the folders of the PATH.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = environment("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_on_the_path() {
        assert!(on_path("sh").is_some_and(|path| path.ends_with("sh")));
        assert_eq!(on_path("no-such-program"), None);
    }
}
