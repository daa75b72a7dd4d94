//! `dsnap-testkit make`: makes a storage to try things on, in a chosen state.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::{Class, Fixture, Format, State};
use clap::{Args, ValueHint};

use super::choice::one_of;
use super::print;

#[derive(Args)]
pub(crate) struct MakeArgs {
    /// The storage's directory, new or empty
    #[arg(value_hint = ValueHint::DirPath)]
    dir: PathBuf,
    /// The state in which the storage was left
    #[arg(long, default_value = "crashed", value_parser = one_of(State::ALL, State::name))]
    state: State,
    /// The layout of A/
    #[arg(long, default_value = "bushy", value_parser = one_of(Format::ALL, Format::name))]
    format: Format,
    /// The storage class: Full keeps old revisions, Minimal does not
    #[arg(long, default_value = "Full", value_parser = one_of(Class::ALL, Class::name))]
    class: Class,
    /// The number of committed transactions
    #[arg(long, value_name = "N", default_value_t = 24)]
    transactions: usize,
}

/// Makes the storage, and prints what it contains.
pub(crate) fn run(args: &MakeArgs) -> io::Result<ExitCode> {
    let fixture = Fixture::builder()
        .state(args.state)
        .format(args.format)
        .class(args.class)
        .transactions(args.transactions)
        .build_in(&args.dir)?;
    print::line(format_args!(
        "{}: {} transactions committed, {} of them in A/",
        args.dir.display(),
        fixture.ledger().transactions().len(),
        fixture.in_a()
    ));
    Ok(ExitCode::SUCCESS)
}
