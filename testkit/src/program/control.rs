//! The control port of a site, and `dsnap-testkit ctl`, which talks to it.
//!
//! One connection is one command: a line of words, answered by text that begins `ok`, `busy` or
//! `error`, so that a plugin under test can talk to it, too. The port stands in a file of the
//! storage while the site runs.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use dsnap_testkit::Site;
use dsnap_testkit::site::Refused;

use super::faults::Wanted;
use super::say;
use super::site::list_of_faults;

/// How long a command may take: entering waits for the journal.
const LIMIT: Duration = Duration::from_secs(600);

/// The exit status if the storage is in use: EX_TEMPFAIL, as of a method's program.
const BUSY: u8 = 75;

const COMMANDS: &str = "enter [CODE], leave [CODE], stop, start, crash, commit N, pack, end-packing, \
    status, fault [FAULT... | none]";

#[derive(Args)]
pub(crate) struct Order {
    /// The storage of a site that runs
    dir: PathBuf,
    /// enter [CODE], leave [CODE], stop, start, crash, commit N, pack, end-packing, status,
    /// fault [FAULT... | none]
    #[arg(required = true, trailing_var_arg = true)]
    words: Vec<String>,
}

/// Where the port of a site stands.
fn port_file(dir: &Path) -> PathBuf {
    dir.join("misc/dsnap-testkit.port")
}

/// Gives an order to a site that runs.
pub(crate) fn run(order: &Order) -> io::Result<ExitCode> {
    let file = port_file(&order.dir);
    let nobody = |error: io::Error| {
        io::Error::other(format!("no site runs on {}: {error}", order.dir.display()))
    };
    let port = fs::read_to_string(&file).map_err(nobody)?;
    let port: u16 = port.trim().parse().map_err(io::Error::other)?;
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(nobody)?;
    stream.set_read_timeout(Some(LIMIT))?;
    writeln!(stream, "{}", order.words.join(" "))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let answer = answer.trim_end();
    match answer.split_once(' ').unwrap_or((answer, "")) {
        ("ok", "") => Ok(ExitCode::SUCCESS),
        ("ok", words) => {
            say::line(words);
            Ok(ExitCode::SUCCESS)
        }
        ("busy", why) => {
            say::error(why);
            Ok(ExitCode::from(BUSY))
        }
        ("error", why) => {
            say::error(why);
            Ok(ExitCode::FAILURE)
        }
        _ => Err(io::Error::other("the site ended before it answered")),
    }
}

/// Listens for orders until it is dropped.
#[derive(Debug)]
pub(crate) struct Control {
    file: PathBuf,
}

impl Control {
    pub(crate) fn listen(site: &Arc<Site>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let file = port_file(site.path());
        fs::write(&file, format!("{}\n", listener.local_addr()?.port()))?;
        let site = Arc::downgrade(site);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Some(site) = site.upgrade() else { return };
                // One who goes away without an answer wants none.
                std::thread::spawn(move || serve(&stream, &site));
            }
        });
        Ok(Self { file })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

fn serve(stream: &TcpStream, site: &Site) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let words: Vec<_> = line.split_whitespace().collect();
    let mut stream = stream;
    match obey(site, &words) {
        Ok(words) => writeln!(stream, "ok {words}"),
        Err(Disobeyed { busy: true, why }) => writeln!(stream, "busy {why}"),
        Err(Disobeyed { busy: false, why }) => writeln!(stream, "error {why}"),
    }
}

/// Why an order was not carried out.
struct Disobeyed {
    /// The storage is in use.
    busy: bool,
    why: String,
}

impl From<String> for Disobeyed {
    fn from(why: String) -> Self {
        Self { busy: false, why }
    }
}

impl From<io::Error> for Disobeyed {
    fn from(error: io::Error) -> Self {
        error.to_string().into()
    }
}

/// Does what it is told.
fn obey(site: &Site, words: &[&str]) -> Result<String, Disobeyed> {
    let server = || site.server().map_err(refused);
    let none = |()| String::new();
    match words {
        ["enter"] => server()?.enter("testkit").map(none).map_err(refused),
        ["enter", code] => server()?.enter(code).map(none).map_err(refused),
        ["leave"] => server()?.leave("testkit").map(none).map_err(refused),
        ["leave", code] => server()?.leave(code).map(none).map_err(refused),
        ["pack"] => server()?.pack().map(none).map_err(refused),
        ["end-packing"] => server()?.end_packing().map(none).map_err(refused),
        ["stop"] => Ok(site.stop_server().map(none)?),
        ["start"] => Ok(site.start_server().map(none)?),
        ["crash"] => {
            site.crash_server();
            Ok(String::new())
        }
        ["commit", count] => {
            let count = count.parse().map_err(|_| format!("`{count}` is no number"))?;
            Ok(server()?.commit(count).map(none)?)
        }
        ["status"] => {
            let code = server()?.code().map_err(refused)?;
            Ok(code.unwrap_or_else(|| "in no snapshot".to_owned()))
        }
        ["fault"] => Ok(list_of_faults()),
        ["fault", "none"] => {
            site.no_faults();
            Ok(String::new())
        }
        ["fault", faults @ ..] => {
            let wanted = faults.iter().map(|fault| Wanted::parse(fault));
            let wanted = wanted.collect::<Result<Vec<_>, _>>()?;
            wanted.iter().for_each(|wanted| wanted.plan(site));
            Ok(String::new())
        }
        _ => Err(format!("`{}` is none of: {COMMANDS}", words.join(" ")).into()),
    }
}

fn refused(why: Refused) -> Disobeyed {
    let busy = matches!(why, Refused::InUse(_) | Refused::SublockHeld);
    let why = match why {
        Refused::InUse(code) => format!("the storage is in use by {code}"),
        Refused::BadCode(given, Some(code)) => format!("the code is {code}, not {given}"),
        Refused::BadCode(given, None) => format!("there is no snapshot {given}"),
        Refused::SublockHeld => "somebody holds misc/sublock".to_owned(),
        Refused::NotAscii => "the code is not ASCII, the snapshot is broken".to_owned(),
        Refused::DiskFull => "the disk is full, the snapshot is broken".to_owned(),
        Refused::Ended => "the server has ended".to_owned(),
    };
    Disobeyed { busy, why }
}
