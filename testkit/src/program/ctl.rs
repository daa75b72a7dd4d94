//! `dsnap-testkit ctl`: an order for a site that runs, from a command line or a script.
//!
//! Its exit statuses are those of a method's program, so that a script can end with them.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use dsnap_testkit::control::port_file;

use super::print as say;

/// How long an order may take: entering waits for the journal.
const LIMIT: Duration = Duration::from_secs(600);

/// The storage is in use: EX_TEMPFAIL.
const BUSY: u8 = 75;
/// No server runs that could be asked: EX_UNAVAILABLE.
const GONE: u8 = 69;

#[derive(Args)]
#[command(
    after_help = "The exit status is 0 if it was done; 75 if the storage is in use, 69 if no \
    server has it open, 1 if it was refused otherwise. `status` prints the code, or `in no snapshot`."
)]
pub(crate) struct Order {
    /// The storage of a site that runs
    dir: PathBuf,
    /// enter [CODE], leave [CODE], stop, start, crash, commit N, pack, end-packing, status,
    /// fault [FAULT... | none]
    #[arg(required = true, trailing_var_arg = true)]
    words: Vec<String>,
}

/// Gives an order to a site that runs.
pub(crate) fn run(order: &Order) -> io::Result<ExitCode> {
    let mut stream = match connect(order) {
        Ok(stream) => stream,
        Err(error) => {
            say::error(format_args!("no site runs on {}: {error}", order.dir.display()));
            return Ok(ExitCode::from(GONE));
        }
    };
    stream.set_read_timeout(Some(LIMIT))?;
    writeln!(stream, "{}", order.words.join(" "))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let answer = answer.trim_end();
    let (word, rest) = answer.split_once(' ').unwrap_or((answer, ""));
    let status = match word {
        "ok" => ExitCode::SUCCESS,
        "busy" => ExitCode::from(BUSY),
        "gone" => ExitCode::from(GONE),
        "error" => ExitCode::FAILURE,
        _ => return Err(io::Error::other("the site ended before it answered")),
    };
    match word {
        "ok" if rest.is_empty() => {}
        "ok" => say::line(rest),
        _ => say::error(rest),
    }
    Ok(status)
}

fn connect(order: &Order) -> io::Result<TcpStream> {
    let port = fs::read_to_string(port_file(&order.dir))?;
    let port: u16 = port.trim().parse().map_err(io::Error::other)?;
    TcpStream::connect((Ipv4Addr::LOCALHOST, port))
}
