//! `dsnap-testkit make`: a storage to try things on, in a state of one's choice.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use dsnap_testkit::{Class, Fixture, Format, State};

use super::print as say;

#[derive(Args)]
pub(crate) struct Wanted {
    /// Where: a folder that is new or empty
    dir: PathBuf,
    /// How its end left the storage
    #[arg(long, default_value = "crashed", value_parser = one_of(State::ALL, State::name))]
    state: State,
    /// Where files lie in A/
    #[arg(long, default_value = "bushy", value_parser = one_of(Format::ALL, Format::name))]
    format: Format,
    /// Whether older revisions are kept
    #[arg(long, default_value = "Full", value_parser = one_of(Class::ALL, Class::name))]
    class: Class,
    /// How many transactions are committed
    #[arg(long, value_name = "N", default_value_t = 24)]
    transactions: usize,
}

/// One of a few, by its name.
fn one_of<T: Copy + Send + Sync + 'static, const N: usize>(
    all: [T; N],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.map(name)).try_map(move |wanted| {
        all.into_iter().find(|one| name(*one) == wanted).ok_or("no such name")
    })
}

/// Makes it, and says what is in it.
pub(crate) fn run(wanted: &Wanted) -> io::Result<ExitCode> {
    let fixture = Fixture::builder()
        .state(wanted.state)
        .format(wanted.format)
        .class(wanted.class)
        .transactions(wanted.transactions)
        .build_in(&wanted.dir)?;
    say::line(format_args!(
        "{}: {} transactions committed, {} of them in A/",
        wanted.dir.display(),
        fixture.ledger().transactions().len(),
        fixture.in_a()
    ));
    Ok(ExitCode::SUCCESS)
}
