//! The control port of a site, and `dsnap-testkit ctl`, which talks to it.
//!
//! One connection is one command: a line with a JSON list of words, answered by a line that
//! begins `ok` or `error`. The port stands in a file of the storage while the site runs.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
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
    writeln!(stream, "{}", serde_json::to_string(&order.words)?)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    let answer: Result<String, String> = serde_json::from_str(&answer)?;
    match answer {
        Ok(words) if words.is_empty() => Ok(ExitCode::SUCCESS),
        Ok(words) => {
            say::line(words);
            Ok(ExitCode::SUCCESS)
        }
        Err(why) => {
            say::error(why);
            Ok(ExitCode::FAILURE)
        }
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
    let words: Vec<String> = serde_json::from_str(&line)?;
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let mut stream = stream;
    writeln!(stream, "{}", serde_json::to_string(&obey(site, &words))?)
}

/// Does what it is told.
fn obey(site: &Site, words: &[&str]) -> Result<String, String> {
    let server = || site.server().map_err(refused);
    let none = |()| String::new();
    match words {
        ["enter"] => server()?.enter("testkit").map(none).map_err(refused),
        ["enter", code] => server()?.enter(code).map(none).map_err(refused),
        ["leave"] => server()?.leave("testkit").map(none).map_err(refused),
        ["leave", code] => server()?.leave(code).map(none).map_err(refused),
        ["pack"] => server()?.pack().map(none).map_err(refused),
        ["end-packing"] => server()?.end_packing().map(none).map_err(refused),
        ["stop"] => site.stop_server().map(none).map_err(|error| error.to_string()),
        ["start"] => site.start_server().map(none).map_err(|error| error.to_string()),
        ["crash"] => {
            site.crash_server();
            Ok(String::new())
        }
        ["commit", count] => {
            let count = count.parse().map_err(|_| format!("`{count}` is no number"))?;
            server()?.commit(count).map(none).map_err(|error| error.to_string())
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
        _ => Err(format!("`{}` is none of: {COMMANDS}", words.join(" "))),
    }
}

fn refused(why: Refused) -> String {
    match why {
        Refused::InUse(code) => format!("the storage is in use by {code}"),
        Refused::BadCode(given, Some(code)) => format!("the code is {code}, not {given}"),
        Refused::BadCode(given, None) => format!("there is no snapshot {given}"),
        Refused::SublockHeld => "somebody holds misc/sublock".to_owned(),
        Refused::NotAscii => "the code is not ASCII, the snapshot is broken".to_owned(),
        Refused::DiskFull => "the disk is full, the snapshot is broken".to_owned(),
        Refused::Ended => "the server has ended".to_owned(),
    }
}
