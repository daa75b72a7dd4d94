//! `dsnap-testkit verify`: what a copy is worth.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use dsnap_testkit::site::ledger_of_last_snapshot;

use super::say;

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
    let ledger = ledger_of_last_snapshot(&question.site)?;
    let within = question.copy.join("A");
    let verdict = ledger.verify(if within.is_dir() { &within } else { &question.copy });
    say::line(&verdict);
    Ok(if verdict.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
