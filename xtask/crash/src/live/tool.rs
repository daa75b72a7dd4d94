//! Starts the programs of a run, sends them signals, and waits for their ends. No other file of `live` starts
//! programs.

#![allow(clippy::disallowed_methods, reason = "the only file for live sites that starts programs")]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use anyhow::{Context, Result, bail, ensure};

use super::waiting::{LIMIT, until};

/// The variables that a run of dsnap around this program would leave.
const SNAPSHOT: [&str; 8] =
    ["VERSION", "DIRECTORY", "TIMESTAMP", "CODE", "TID", "DIRECTORIES", "CODES", "TIDS"];

/// A run of dsnap that has begun.
#[derive(Debug)]
pub(crate) struct Tool {
    child: Child,
    status: Option<ExitStatus>,
    stderr: PathBuf,
    all_ended: Receiver<()>,
}

/// How a run of dsnap ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    /// Its exit status.
    pub(crate) status: ExitStatus,
    /// What it wrote.
    pub(crate) stderr: String,
}

impl Ended {
    /// Returns its exit status, or 128 and the number of the signal that killed it.
    pub(crate) fn code(&self) -> i32 {
        let killed = || 128 + self.status.signal().unwrap_or_default();
        self.status.code().unwrap_or_else(killed)
    }

    /// Returns the last line that is not a hint.
    pub(crate) fn last_line(&self) -> &str {
        let mut lines = self.stderr.lines().rev();
        lines.find(|line| !line.starts_with("hint: ")).unwrap_or_default()
    }
}

impl Tool {
    /// Starts a program in a folder, which also gets its messages.
    pub(crate) fn start(words: &[OsString], out: &Path) -> Result<Self> {
        let (program, args) = words.split_first().context("no program")?;
        let stderr = out.join("stderr");
        let mut command = Command::new(program);
        command.args(args).current_dir(out).env("PATH", "/usr/bin:/bin");
        command.env_remove("LD_LIBRARY_PATH");
        SNAPSHOT.iter().for_each(|name| {
            command.env_remove(format!("SNAPSHOT_{name}"));
        });
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&stderr)?);
        let mut child = command.spawn().with_context(|| format!("cannot start {program:?}"))?;
        let all_ended = when_closed(child.stdout.take().context("no stdout")?);
        Ok(Self { child, status: None, stderr, all_ended })
    }

    /// Sends a signal to dsnap itself, unless it has ended.
    pub(crate) fn signal(&mut self, number: i32) -> Result<()> {
        if self.has_ended()? { Ok(()) } else { kill(number, self.child.id()) }
    }

    /// Says whether it has ended.
    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        if self.status.is_none() {
            self.status = self.child.try_wait()?;
        }
        Ok(self.status.is_some())
    }

    /// Says whether it has written these words.
    pub(crate) fn has_said(&self, words: &str) -> bool {
        self.messages().contains(words)
    }

    /// Returns what it has written.
    pub(crate) fn messages(&self) -> String {
        let read = fs::read(&self.stderr).unwrap_or_default();
        String::from_utf8_lossy(&read).into_owned()
    }

    /// Waits for the end of dsnap itself. COMMAND of a killed run goes on.
    pub(crate) fn end(&mut self) -> Result<Ended> {
        let mut looked = Ok(false);
        until("the end of dsnap", || {
            looked = self.has_ended();
            !matches!(looked, Ok(false))
        })?;
        looked?;
        let status = self.status.context("dsnap has not ended")?;
        Ok(Ended { status, stderr: self.messages() })
    }

    /// Waits for the end of dsnap and of COMMAND with all its descendants: they hold stdout open.
    pub(crate) fn end_of_all(&mut self) -> Result<Ended> {
        let ended = self.end()?;
        // The second time, nobody sends any more.
        match self.all_ended.recv_timeout(LIMIT) {
            Err(RecvTimeoutError::Timeout) => bail!("COMMAND does not end"),
            _ => Ok(ended),
        }
    }
}

impl Drop for Tool {
    /// Ends a run that a failed point leaves behind.
    fn drop(&mut self) {
        if self.status.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Sends a signal by its number, a real-time one too.
pub(crate) fn kill(number: i32, pid: u32) -> Result<()> {
    let sent = Command::new("kill").arg(format!("-{number}")).arg(pid.to_string()).output()?;
    // A process that has just ended needs no signal.
    ensure!(sent.status.success() || !Path::new(&format!("/proc/{pid}")).exists(), "kill failed");
    Ok(())
}

/// Tells when every process that holds the pipe has ended.
fn when_closed(mut pipe: ChildStdout) -> Receiver<()> {
    let (closed, receiver) = channel();
    std::thread::spawn(move || {
        let _ = io::copy(&mut pipe.by_ref(), &mut io::sink());
        let _ = closed.send(());
    });
    receiver
}

/// Moves a folder, even to another file system.
pub(crate) fn move_folder(from: &Path, to: &Path) -> Result<()> {
    let moved = Command::new("mv").arg(from).arg(to).status()?;
    ensure!(moved.success(), "cannot move {} to {}", from.display(), to.display());
    Ok(())
}

/// Makes a named pipe.
pub(crate) fn make_fifo(path: &Path) -> Result<()> {
    let made = Command::new("mkfifo").arg(path).status()?;
    ensure!(made.success(), "cannot make {}", path.display());
    Ok(())
}
