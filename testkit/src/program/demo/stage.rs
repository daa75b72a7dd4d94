//! Where the story takes place: a site, a folder for copies, and the program that is shown.
#![allow(clippy::disallowed_methods, reason = "it shows other programs")]

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::Arc;

use crate::Site;
use crate::site::{Server, ZopeVersion};
use dsnap_engine::quoting::quoted;
use tempfile::TempDir;

use super::print;

/// How many transactions the site commits each second.
pub(super) const COMMITS_PER_SECOND: u32 = 50;
/// How many transactions are committed at the beginning.
const MIN_COMMITS: usize = 40;

/// A site that keeps committing, and what is done to it.
pub(super) struct Stage<'a> {
    pub(super) site: Site,
    /// The name of its Zope, for people.
    pub(super) zope: &'static str,
    pub(super) copies: TempDir,
    dsnap: &'a Path,
}

impl<'a> Stage<'a> {
    /// Starts the site, and waits for its first transactions.
    pub(super) fn new(dsnap: &'a Path, answers: ZopeVersion) -> io::Result<Self> {
        let site = Site::builder().answers(answers).commits_per_second(COMMITS_PER_SECOND);
        let zope = match answers {
            ZopeVersion::Zope2 => "A Zope 2.13",
            ZopeVersion::Zope5 => "a Zope 5",
        };
        let stage = Self { site: site.start()?, zope, copies: tempfile::tempdir()?, dsnap };
        stage.wait_for_commits(MIN_COMMITS)?;
        Ok(stage)
    }

    fn server(&self) -> io::Result<Arc<Server>> {
        self.site.server().map_err(|_| io::Error::other("the simulated server has ended"))
    }

    pub(super) fn committed(&self) -> io::Result<usize> {
        Ok(self.server()?.committed())
    }

    pub(super) fn commit(&self, count: usize) -> io::Result<()> {
        self.server()?.commit(count)
    }

    pub(super) fn wait_for_commits(&self, count: usize) -> io::Result<()> {
        match self.server()?.wait_for_commits(count) {
            true => Ok(()),
            false => Err(io::Error::other("the simulated server does not commit transactions")),
        }
    }

    /// Returns `cp -a DIR/A COPY`.
    pub(super) fn cp(&self, copy: &Path) -> Command {
        let mut command = Command::new("cp");
        command.arg("-a").arg(self.site.storage().a()).arg(copy);
        command
    }

    /// Returns `dsnap --storage DIR` with more words.
    pub(super) fn dsnap<I: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = I>) -> Command {
        let mut command = Command::new(self.dsnap);
        command.arg("--storage").arg(self.site.path()).args(words);
        command
    }

    /// Copies the storage with dsnap, and prints the verdict.
    pub(super) fn copy_with_dsnap(&self, name: &str) -> io::Result<bool> {
        let copy = self.copies.path().join(name);
        let plain = self.cp(&copy);
        let status =
            self.show(self.dsnap([plain.get_program()].into_iter().chain(plain.get_args())))?;
        let verdict = self.site.ledger()?.verify(&copy);
        let word = if verdict.holds() { "RIGHT" } else { "WRONG" };
        print::line(format_args!("{word}: {verdict}"));
        if !status.success() {
            print::line(format_args!("dsnap failed ({status})."));
        }
        Ok(status.success() && verdict.holds())
    }

    /// Prints a command as a shell would take it, and runs it.
    pub(super) fn show(&self, mut command: Command) -> io::Result<ExitStatus> {
        let program = command.get_program().to_owned();
        let name = Path::new(&program).file_name().unwrap_or(&program);
        let words = [name].into_iter().chain(command.get_args());
        let words: Vec<_> = words.map(quoted).collect();
        print::line(format_args!("  $ {}", words.join(" ")));
        command.status().map_err(|error| {
            io::Error::other(format!("cannot start {}: {error}", program.display()))
        })
    }
}
