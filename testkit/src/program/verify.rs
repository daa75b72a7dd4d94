//! `dsnap-testkit verify`: what a copy is worth.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use dsnap_testkit::site::ledgers;

use super::print as say;

#[derive(Args)]
pub(crate) struct Question {
    /// The copy: a folder that holds A/, or a copied A/ itself
    copy: PathBuf,
    /// The storage of the site that was copied
    #[arg(long, value_name = "DIR")]
    site: PathBuf,
}

/// Says whether the copy holds exactly what was committed before the last snapshot was entered,
/// or the clean stop.
pub(crate) fn run(question: &Question) -> io::Result<ExitCode> {
    let copy = &question.copy;
    let ledgers = ledgers(&question.site)?;
    // What cannot be looked at is no wrong copy.
    fs::read_dir(copy)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", copy.display())))?;
    let within = copy.join("A");
    let a = if within.is_dir() { &within } else { copy };
    let verdicts: Vec<_> =
        ledgers.iter().map(|(event, ledger)| (event, ledger.verify(a))).collect();
    let good = verdicts.iter().find(|(_, verdict)| verdict.holds());
    let (event, verdict) = good.or(verdicts.first()).ok_or(io::ErrorKind::NotFound)?;
    say::line(verdict);
    if verdicts.len() > 1 && good.is_some() {
        say::line(format_args!("this is {event}"));
    }
    Ok(if good.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
