//! The place of one trial: a site, a target, and the script. Starts the script, waits for it, and looks at what it did.
#![allow(clippy::disallowed_methods, reason = "it starts the script")]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dsnap_engine::record::LastRun;
use rustix::process::Signal;
use tempfile::TempDir;

use super::super::run::tell;
use super::super::site::SiteOptions;
use super::copies::{Copies, Expected, restore_folder};
use super::judge::{Dsnap, Ended, Observed};
use super::process::{ScriptProcess, is_at_work};
use super::target::Target;
use crate::Site;
use crate::control::Control;

/// How many transactions are committed before each run: the copy must contain them.
const COMMITS: usize = 10;
/// How long processes that the script left behind may take to end.
const QUIET_TIMEOUT: Duration = Duration::from_secs(30);
/// How often processes are looked at.
const POLL_INTERVAL: Duration = Duration::from_micros(300);
/// How often all processes of the system are looked at.
const QUIET_POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The script under test.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) words: Vec<OsString>,
    /// Turns a backup into a folder.
    pub(super) restore: Option<PathBuf>,
    /// How long one run may take.
    pub(super) limit: Duration,
    /// Set by a signal, which ends the whole program.
    pub(super) stop: Arc<AtomicBool>,
}

/// Where one trial takes place.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    pub(super) script: &'a Script,
    pub(super) site: Arc<Site>,
    control: Control,
    pub(super) target: Target,
    folder: TempDir,
}

impl<'a> Stage<'a> {
    /// Starts a site, and makes an empty target.
    pub(super) fn new(
        script: &'a Script,
        options: &SiteOptions,
        disk_is_full: bool,
    ) -> io::Result<Self> {
        let (site, control) = options.start(None)?;
        let folder = tempfile::tempdir()?;
        let target = Target::new(folder.path().join("target"), disk_is_full)?;
        let stage = Self { script, site, control, target, folder };
        stage.commit()?;
        Ok(stage)
    }

    /// Commits what the next copy must contain.
    pub(super) fn commit(&self) -> io::Result<()> {
        let server = self.site.server().map_err(|_| io::Error::other("the server has ended"))?;
        server.commit(COMMITS)
    }

    /// Starts the script in a process group of its own.
    pub(super) fn start(&self) -> io::Result<ScriptProcess> {
        let (program, words) =
            self.script.words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = self.target.command(program);
        let said = File::create(self.folder.path().join("output"))?;
        command.args(words).stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        let child = self.with_variables(&mut command).process_group(0).spawn();
        let failed = |error: io::Error| {
            io::Error::new(error.kind(), format!("cannot start {}: {error}", program.display()))
        };
        child.map(ScriptProcess::new).map_err(failed)
    }

    /// Adds the variables that tell a script where its site and its target are.
    fn with_variables<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        tell(command, &self.site);
        command.env("DSNAP_TESTKIT_TARGET", self.target.folder())
    }

    /// Waits until a condition holds. False if the script ends before.
    pub(super) fn wait_until(
        &self,
        process: &mut ScriptProcess,
        mut condition: impl FnMut() -> bool,
    ) -> io::Result<bool> {
        let end = Instant::now() + self.script.limit;
        while !condition() {
            if process.ended()?.is_some() || Instant::now() > end {
                return Ok(false);
            }
            self.pause()?;
        }
        Ok(true)
    }

    /// Waits a moment. Fails after a signal to this program.
    pub(super) fn pause(&self) -> io::Result<()> {
        self.pause_for(POLL_INTERVAL)
    }

    fn pause_for(&self, time: Duration) -> io::Result<()> {
        if self.script.stop.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        thread::sleep(time);
        Ok(())
    }

    /// Waits for the script, and then for the processes that it left behind.
    pub(super) fn wait(&self, process: &mut ScriptProcess) -> io::Result<Ended> {
        self.wait_until(process, || false)?;
        let ended = match process.ended()? {
            None => Ended::TooLate,
            Some(status) => match status.code() {
                Some(code) => Ended::With(code),
                None => Ended::By(status.signal().unwrap_or(0)),
            },
        };
        if ended == Ended::TooLate {
            process.signal_group(Signal::KILL);
        }
        let end = Instant::now() + QUIET_TIMEOUT;
        while (process.has_processes() || is_at_work(self.site.storage())) && Instant::now() < end {
            self.pause_for(QUIET_POLL_INTERVAL)?;
            // A leader that was killed must be reaped.
            process.ended()?;
        }
        process.signal_group(Signal::KILL);
        Ok(ended)
    }

    /// Looks at what a run of the script did. A good copy contains the first `required` transactions.
    pub(super) fn observe(&self, ended: Ended, required: usize) -> io::Result<Observed> {
        let storage = self.site.storage();
        let dsnap = match LastRun::read(storage)? {
            Some(last) => Dsnap::With(last.status),
            None if storage.run_lock().exists() => Dsnap::Killed,
            None => Dsnap::NotRun,
        };
        let snapshot = self.site.remaining_snapshot();
        Ok(Observed { ended, dsnap, copies: self.copies(required)?, snapshot })
    }

    fn copies(&self, required: usize) -> io::Result<Copies> {
        let expected = Expected { ledger: self.site.ledger_until_now()?, required };
        let Some(restore) = &self.script.restore else {
            return expected.look_in(self.target.folder());
        };
        let folder = restore_folder(self.folder.path());
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir(&folder)?;
        let mut command = Command::new(restore);
        self.with_variables(&mut command)
            .env("DSNAP_TESTKIT_RESTORED", &folder)
            .current_dir(&folder);
        // A report shows this output after that of the script.
        let said = File::options().append(true).open(self.folder.path().join("output"))?;
        command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        let status = command.status().map_err(|error| {
            io::Error::new(error.kind(), format!("cannot start {}: {error}", restore.display()))
        })?;
        // A signal that ends this program may have ended the script, too. Then there is no verdict.
        self.pause()?;
        // What cannot be restored is no copy.
        if status.success() { expected.look_in(&folder) } else { Ok(Copies::None) }
    }

    /// Returns the last lines that the script printed.
    pub(super) fn last_output(&self, lines: usize) -> Vec<String> {
        let said = fs::read(self.folder.path().join("output")).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let said: Vec<_> = said.lines().map(dsnap_core::text::harmless).collect();
        said[said.len().saturating_sub(lines)..].to_vec()
    }

    /// Ends the site.
    pub(super) fn end(self) -> io::Result<()> {
        if let Ok(server) = self.site.server() {
            // After a failure, the server may still be held at a moment. It could not stop there.
            server.go_on();
        }
        self.control.end(self.site)
    }
}
