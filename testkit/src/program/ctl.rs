//! `dsnap-testkit ctl`: sends an order to a running site.
//!
//! The exit statuses are those of a method's program, so that a script can pass them on.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::control::port_file;
use clap::{Args, ValueHint};

use super::print;

/// How long an order may take: entering waits for the journal.
const ORDER_TIMEOUT: Duration = Duration::from_secs(600);

/// The storage is in use (EX_TEMPFAIL).
const BUSY: u8 = 75;
/// No server has the storage open (EX_UNAVAILABLE).
const GONE: u8 = 69;

#[derive(Args)]
#[command(
    after_help = "`status` prints the code of the snapshot, or `in no snapshot`. `check` waits until \
    no client enters or leaves any more, and fails if the storage is still in a snapshot. `fault` without \
    more words lists all faults.\n\nSERVER names one server: `zope1`, `zope2` and so on, or `zeo`. \
    Without SERVER, stop, start and crash affect the process that has the storage open (the ZEO server, if \
    there is one), and fault affects every server that can have the fault. A restarted server keeps its \
    address.\n\nThe exit status is 0 if the order was executed, 75 if the storage \
    is in use, 69 if no server has it open, and 1 if the server refused for another reason."
)]
pub(crate) struct CtlArgs {
    /// The storage of a running site
    #[arg(value_hint = ValueHint::DirPath)]
    dir: PathBuf,
    /// The order: enter [CODE], leave [CODE], stop [SERVER], start [SERVER], crash [SERVER], commit N,
    /// pack, end-packing, status, check, fault [SERVER] [FAULT... | none]
    #[arg(required = true, trailing_var_arg = true, value_name = "ORDER")]
    #[arg(value_hint = ValueHint::Other)]
    words: Vec<String>,
}

/// Sends the order, and prints the answer.
pub(crate) fn run(args: &CtlArgs) -> io::Result<ExitCode> {
    let mut stream = match connect(args) {
        Ok(stream) => stream,
        Err(error) => {
            print::error(format_args!("no site runs on {}: {error}", args.dir.display()));
            return Ok(ExitCode::from(GONE));
        }
    };
    stream.set_read_timeout(Some(ORDER_TIMEOUT))?;
    writeln!(stream, "{}", args.words.join(" "))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let answer = answer.trim_end();
    let (word, rest) = answer.split_once(' ').unwrap_or((answer, ""));
    let status = match word {
        "ok" => ExitCode::SUCCESS,
        "busy" => ExitCode::from(BUSY),
        "gone" => ExitCode::from(GONE),
        "error" => ExitCode::FAILURE,
        _ => return Err(io::Error::other("the site ended before it answered the order")),
    };
    match word {
        "ok" if rest.is_empty() => {}
        "ok" => print::line(rest),
        _ => print::error(rest),
    }
    Ok(status)
}

fn connect(args: &CtlArgs) -> io::Result<TcpStream> {
    let port = fs::read_to_string(port_file(&args.dir))?;
    let port: u16 = port.trim().parse().map_err(io::Error::other)?;
    TcpStream::connect((Ipv4Addr::LOCALHOST, port))
}
