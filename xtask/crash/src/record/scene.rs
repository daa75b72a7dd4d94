//! A live site, and runs over HTTP on it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use dsnap_testkit::Site;
use xtask_base::process::{Finished, Program};
use xtask_base::python::remove;

use super::versions::FILE;
use crate::options::Options;
use crate::point::{Broken, Kept, check};
use crate::scratch::Scratch;
use crate::strace::{Disturbance, Traced, Tracer, Whose};
use crate::verdict::Verdict;

/// How long an undisturbed run may take.
const RUN_TIMEOUT: Duration = Duration::from_secs(60);

/// A site in a folder of its own.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    options: &'a Options,
    folder: PathBuf,
    pub(super) site: Site,
}

impl<'a> Scene<'a> {
    /// Starts a site with some transactions.
    pub(super) fn begin(options: &'a Options, scratch: &Scratch, name: &str) -> Result<Self> {
        let folder = scratch.folder(name)?;
        let site = Site::builder().storage(folder.join("ds")).start()?;
        let scene = Self { options, folder, site };
        scene.commit()?;
        Ok(scene)
    }

    /// Commits some transactions.
    pub(super) fn commit(&self) -> Result<()> {
        let server = self.site.server().ok().context("the site has no server")?;
        Ok(server.commit(3)?)
    }

    /// Crashes the server, and waits for the end of COMMAND, which a power cut would end, too.
    pub(super) fn crash(&self) -> Result<()> {
        self.site.crash_server();
        let flock = Program::within(RUN_TIMEOUT, "flock").arg(self.site.storage().sublock());
        flock.arg("true").quiet().map(drop)
    }

    /// Ends the site, and removes its files.
    pub(super) fn end(self) -> Result<()> {
        drop(self.site);
        remove(&self.folder)
    }

    /// Where COMMAND copies `A/`.
    pub(super) fn copy(&self) -> PathBuf {
        self.folder.join("copy")
    }

    /// Makes a run whose COMMAND copies `A/`.
    pub(super) fn run(&self, disturbance: Disturbance<'_>) -> Result<Traced> {
        let only = Some(self.site.path().join(FILE));
        let tracer = Tracer { whose: Whose::FirstThread, file: self.folder.join("trace"), only };
        tracer.run(disturbance, |strace| self.copying(strace.arg(&self.options.dsnap)))
    }

    fn copying(&self, dsnap: Program) -> Program {
        let dsnap = dsnap.arg("--storage").arg(self.site.path());
        let dsnap = dsnap.args(["/bin/cp", "-a"]).arg(self.site.storage().a());
        dsnap.arg(self.copy()).env("RUST_BACKTRACE", "0")
    }

    fn dsnap(&self) -> Program {
        Program::within(RUN_TIMEOUT, &self.options.dsnap)
    }

    /// Makes the next run, which must work. If `may_be_in_the_way`, the snapshot of an earlier run may stop it.
    /// Then it must name the command that ends the snapshot, and that command must work.
    pub(super) fn next_run(&self, may_be_in_the_way: bool) -> Result<Kept> {
        remove(&self.copy())?;
        let ran = self.copying(self.dsnap().args(["-t20", "-s0.1"])).output()?;
        if ran.success() {
            return self.check_copy();
        }
        let Some(held) = self.site.held().filter(|_| may_be_in_the_way) else {
            return Ok(frozen("the next run failed", &ran));
        };
        let code = held.trim_start_matches("user/");
        if !ran.stderr.contains(code) || !ran.stderr.contains("--recover --code") {
            return Ok(frozen("the next run does not name the snapshot and its end", &ran));
        }
        let recover = self.dsnap().arg("--storage").arg(self.site.path());
        let recovered = recover.args(["--recover", "--code", code]).output()?;
        if !recovered.success() {
            return Ok(frozen("--recover failed", &recovered));
        }
        let ran = self.copying(self.dsnap().args(["-t20", "-s0.1"])).output()?;
        if ran.success() { self.check_copy() } else { Ok(frozen("the run after it failed", &ran)) }
    }

    /// Checks that COMMAND saw every transaction, and that the storage was left.
    fn check_copy(&self) -> Result<Kept> {
        ensure!(self.copy().exists(), "COMMAND did not copy anything");
        let verdict = self.site.ledger()?.verify(&self.copy());
        if !verdict.holds() {
            return Ok(Err(Broken::of(Verdict::Lost, verdict.to_string())));
        }
        let remains = self.site.remaining_snapshot();
        Ok(check(remains.is_none(), Verdict::Frozen, || format!("{remains:?} is still held")))
    }
}

fn frozen(what: &str, ran: &Finished) -> Kept {
    let (code, said) = (ran.code(), ran.stderr.trim_end().replace('\n', " | "));
    Err(Broken::of(Verdict::Frozen, format!("{what}, exit status {code:?}: {said}")))
}
