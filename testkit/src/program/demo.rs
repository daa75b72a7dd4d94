//! `dsnap-testkit demo`: shows what dsnap is for, on a simulated site.
//!
//! The exit status is 0 only if both copies were verified.
#![allow(clippy::disallowed_methods, reason = "it shows other programs")]

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;
use dsnap_testkit::Site;
use dsnap_testkit::site::{ServerError, ZopeVersion};

use super::choice::one_of;
use super::print;

/// How many transactions must be committed before the first copy.
const MIN_COMMITS: usize = 40;

#[derive(Args)]
pub(crate) struct DemoArgs {
    /// The program to show
    #[arg(long, value_name = "PROGRAM", default_value = "dsnap")]
    dsnap: PathBuf,
    /// Answer like Zope 2.13 (zope2) or like Zope 4 to 6 (zope5)
    #[arg(long, value_name = "VERSION", default_value = "zope2")]
    #[arg(value_parser = one_of(ZopeVersion::ALL, ZopeVersion::name))]
    answers: ZopeVersion,
}

/// Makes a copy of a running and of a stopped site; fails unless both are right.
pub(crate) fn run(DemoArgs { dsnap, answers }: &DemoArgs) -> io::Result<ExitCode> {
    let site = Site::builder().answers(*answers).commits_per_second(50).start()?;
    let copies = tempfile::tempdir()?;
    print::line(format_args!(
        "\nHere is a DirectoryStorage, {}.\n\
         A Zope has the storage open and commits 50 transactions a second. It answers like {}.",
        site.path().display(),
        match answers {
            ZopeVersion::Zope2 => "Zope 2.13",
            ZopeVersion::Zope5 => "Zope 5",
        }
    ));
    wait_for_commits(&site)?;
    print::line(
        "\nA backup while Zope runs: dsnap asks Zope to enter snapshot mode, runs cp, and leaves again.",
    );
    let live = judge(copy(dsnap, &site, &copies.path().join("1")), &site)?;
    print::line(format_args!(
        "Zope went on meanwhile: there are {} transactions now.",
        committed(&site)?
    ));
    site.stop_server()?;
    print::line("\nNow Zope is stopped. For the same command, dsnap uses the files directly.");
    let stopped = judge(copy(dsnap, &site, &copies.path().join("2")), &site)?;
    Ok(match live && stopped && site.held().is_none() {
        true => {
            print::line("\nBoth copies are good backups, and the storage is not in a snapshot.");
            ExitCode::SUCCESS
        }
        false => {
            print::line("\nA copy is wrong, or a snapshot was not left. Please report this.");
            ExitCode::FAILURE
        }
    })
}

fn committed(site: &Site) -> io::Result<usize> {
    let ended = |_: ServerError| io::Error::other("the simulated server has ended");
    Ok(site.server().map_err(ended)?.committed())
}

fn wait_for_commits(site: &Site) -> io::Result<()> {
    let ended = |_: ServerError| io::Error::other("the simulated server has ended");
    match site.server().map_err(ended)?.wait_for_commits(MIN_COMMITS) {
        true => Ok(()),
        false => Err(io::Error::other("the simulated server does not commit transactions")),
    }
}

/// Returns `dsnap --storage DIR cp -a DIR/A COPY`, and the path of the copy.
fn copy(dsnap: &Path, site: &Site, to: &Path) -> (Command, PathBuf) {
    let mut command = Command::new(dsnap);
    command.arg("--storage").arg(site.path());
    command.arg("cp").arg("-a").arg(site.storage().a()).arg(to);
    (command, to.to_owned())
}

/// Runs a command that makes a copy, and verifies the copy.
fn judge((mut command, copy): (Command, PathBuf), site: &Site) -> io::Result<bool> {
    let program = command.get_program().to_owned();
    let name = Path::new(&program).file_name().unwrap_or(&program);
    let words = [name].into_iter().chain(command.get_args()).map(OsStr::to_string_lossy);
    print::line(format_args!("  $ {}", words.collect::<Vec<_>>().join(" ")));
    let status = command.status().map_err(|error| {
        io::Error::other(format!("cannot start {}: {error}", program.display()))
    })?;
    let verdict = site.ledger()?.verify(&copy);
    let word = if verdict.holds() { "RIGHT" } else { "WRONG" };
    print::line(format_args!("  {status}\n{word}: {verdict}"));
    Ok(status.success() && verdict.holds())
}
