//! `dsnap-testkit verify`: checks a copy of a site's storage.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::site::ledgers;
use clap::{Args, ValueHint};

use super::print;

#[derive(Args)]
#[command(
    after_help = "The exit status is 0 if the copy is right, 1 if it is wrong, and 2 if it cannot be checked."
)]
pub(crate) struct VerifyArgs {
    /// The copy: a directory that contains A/, or a copied A/ itself
    #[arg(value_hint = ValueHint::DirPath)]
    copy: PathBuf,
    /// The site's storage
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    site: PathBuf,
}

/// Checks that the copy contains exactly what was committed before the last snapshot, or before the
/// clean stop.
pub(crate) fn run(args: &VerifyArgs) -> io::Result<ExitCode> {
    let copy = &args.copy;
    let ledgers = ledgers(&args.site)?;
    // A copy that cannot be read is not a wrong one.
    fs::read_dir(copy).map_err(|error| {
        io::Error::new(error.kind(), format!("cannot read the copy {}: {error}", copy.display()))
    })?;
    let within = copy.join("A");
    let a = if within.is_dir() { &within } else { copy };
    let verdicts: Vec<_> =
        ledgers.iter().map(|(event, ledger)| (event, ledger.verify(a))).collect();
    let good = verdicts.iter().find(|(_, verdict)| verdict.holds());
    let (event, verdict) = good.or(verdicts.first()).ok_or(io::ErrorKind::NotFound)?;
    print::line(verdict);
    if verdicts.len() > 1 && good.is_some() {
        print::line(format_args!("it is a copy of {event}"));
    }
    Ok(if good.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
