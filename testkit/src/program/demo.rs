//! `dsnap-testkit demo`: what dsnap is for, on a simulated site, in plain words.
//!
//! It ends with 0 only if everything that it claims was seen to be so.
#![allow(clippy::disallowed_methods, reason = "it shows other programs")]

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};

use dsnap_testkit::Site;
use dsnap_testkit::site::Refused;

use super::print as say;

/// How many transactions are committed at least before the first copy is made.
const COMMITTED: usize = 40;

/// Shows `dsnap`; fails unless the copies made with it are right.
pub(crate) fn run(dsnap: &Path) -> io::Result<ExitCode> {
    let site = Site::builder().commits_per_second(50).start()?;
    let copies = tempfile::tempdir()?;
    say::line(format_args!(
        "\nHere is a DirectoryStorage, {}.\n\
         A Zope has it open, and commits 50 transactions a second.",
        site.path().display()
    ));
    wait_for_commits(&site)?;
    say::line("\nA backup while Zope runs: dsnap asks it to hold A/ still, and copies.");
    let live = judge(copy(dsnap, &site, &copies.path().join("1")), &site)?;
    say::line(format_args!("Zope went on: {} transactions by now.", committed(&site)?));
    site.stop_server()?;
    say::line("\nZope is stopped. The same again: now dsnap works on the files themselves.");
    let stopped = judge(copy(dsnap, &site, &copies.path().join("2")), &site)?;
    Ok(match live && stopped && site.held().is_none() {
        true => {
            say::line("\nBoth copies are good backups, and the storage is free.");
            ExitCode::SUCCESS
        }
        false => {
            say::line("\nThis is not what it should be: please report it.");
            ExitCode::FAILURE
        }
    })
}

fn committed(site: &Site) -> io::Result<usize> {
    let ended = |_: Refused| io::Error::other("the simulated server has ended");
    Ok(site.server().map_err(ended)?.committed())
}

fn wait_for_commits(site: &Site) -> io::Result<()> {
    while committed(site)? < COMMITTED {
        std::thread::yield_now();
    }
    Ok(())
}

/// `dsnap --storage DIR cp -a DIR/A COPY`, and where the copy will be.
fn copy(dsnap: &Path, site: &Site, to: &Path) -> (Command, std::path::PathBuf) {
    let mut command = Command::new(dsnap);
    command.arg("--storage").arg(site.path());
    command.arg("cp").arg("-a").arg(site.storage().a()).arg(to);
    (command, to.to_owned())
}

/// Runs a command that makes a copy, and says what the copy is worth.
fn judge((mut command, copy): (Command, std::path::PathBuf), site: &Site) -> io::Result<bool> {
    let program = command.get_program().to_owned();
    let name = Path::new(&program).file_name().unwrap_or(&program);
    let words = [name].into_iter().chain(command.get_args()).map(OsStr::to_string_lossy);
    say::line(format_args!("  $ {}", words.collect::<Vec<_>>().join(" ")));
    let status = command.status().map_err(|error| {
        io::Error::other(format!("cannot start {}: {error}", program.display()))
    })?;
    let verdict = site.ledger()?.verify(&copy);
    let word = if verdict.holds() { "RIGHT" } else { "WRONG" };
    say::line(format_args!("  {status}\n{word}: {verdict}"));
    Ok(status.success() && verdict.holds())
}
