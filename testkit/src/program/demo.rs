//! `dsnap-testkit demo`: what dsnap is for, on a storage whose server crashed, in plain words.
//!
//! It ends with 0 only if everything that it claims was seen to be so.
#![allow(clippy::disallowed_methods, reason = "it shows other programs")]

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};

use dsnap_testkit::{Fixture, State};

use super::say;

/// Shows `dsnap`; fails unless the copy made with it is right, and the one without is not.
pub(crate) fn run(dsnap: &Path) -> io::Result<ExitCode> {
    let fixture = Fixture::builder().state(State::Crashed).build()?;
    std::fs::write(fixture.storage().config().join("snapshot.conf"), "direct\n")?;
    let copies = tempfile::tempdir()?;
    introduce(&fixture);
    let plain = without(&fixture, &copies.path().join("without"))?;
    let good = with(dsnap, &fixture, &copies.path().join("with"))?;
    let proven = !plain && good;
    say::line(if proven {
        "\nAfterwards the storage is closed cleanly, and its server may start again."
    } else {
        "\nThis is not what it should be: please report it."
    });
    Ok(if proven { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn introduce(fixture: &Fixture) {
    let count = fixture.ledger().transactions().len();
    say::line(format_args!(
        "\nHere is a DirectoryStorage, {}.\n\
         Its server crashed: {count} transactions were committed, but only {} of them\n\
         have reached the main directory A/; the others are still in journal/.",
        fixture.path().display(),
        fixture.in_a()
    ));
}

fn without(fixture: &Fixture, copy: &Path) -> io::Result<bool> {
    say::line("\nA backup without dsnap:");
    let mut cp = Command::new("cp");
    cp.arg("-a").arg(fixture.storage().a()).arg(copy);
    judge(cp, fixture, copy)
}

fn with(dsnap: &Path, fixture: &Fixture, copy: &Path) -> io::Result<bool> {
    say::line("\nThe same with dsnap, which first brings everything into A/:");
    let mut command = Command::new(dsnap);
    command.arg("--storage").arg(fixture.path());
    command.arg("cp").arg("-a").arg(fixture.storage().a()).arg(copy);
    judge(command, fixture, copy)
}

/// Runs a command that makes `copy`, and says what the copy is worth.
fn judge(mut command: Command, fixture: &Fixture, copy: &Path) -> io::Result<bool> {
    let program = command.get_program().to_owned();
    let name = Path::new(&program).file_name().unwrap_or(&program);
    let words = [name].into_iter().chain(command.get_args()).map(OsStr::to_string_lossy);
    say::line(format_args!("  $ {}", words.collect::<Vec<_>>().join(" ")));
    let status = command.status().map_err(|error| {
        io::Error::other(format!("cannot start {}: {error}", program.display()))
    })?;
    let verdict = fixture.ledger().verify(copy);
    let word = if verdict.holds() { "RIGHT" } else { "WRONG" };
    say::line(format_args!("  {status}\n{word}: {verdict}"));
    Ok(status.success() && verdict.holds())
}
