//! The control port of a site: orders for the simulated server, for whoever is no Zope's client.
//!
//! One connection is one order: a line of words, answered by text that begins `ok`, `busy`,
//! `gone` (no server has the storage open) or `error`, so that a plugin under test can talk to it,
//! too. The port stands in a file of the storage while the site runs. Who asks from a command
//! line is `dsnap-testkit ctl`.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Site;
use crate::site::Refused;
use crate::site::fault_spec::{Wanted, list_of_faults};

/// The orders that there are, for people.
const ORDERS: &str = "enter [CODE], leave [CODE], stop, start, crash, commit N, pack, end-packing, \
    status, fault [FAULT... | none]";

/// Where the port of a site stands.
pub fn port_file(dir: &Path) -> PathBuf {
    dir.join("misc/dsnap-testkit.port")
}

/// Listens for orders until it is dropped.
#[derive(Debug)]
pub struct Control {
    address: SocketAddr,
    file: PathBuf,
    ended: Arc<AtomicBool>,
}

impl Control {
    /// Listens on a free port of this machine, for orders to that site.
    ///
    /// # Errors
    ///
    /// There is no port, or it cannot be written into the storage.
    pub fn listen(site: &Arc<Site>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (address, file) = (listener.local_addr()?, port_file(site.path()));
        fs::write(&file, format!("{}\n", address.port()))?;
        let (site, ended) = (Arc::downgrade(site), Arc::new(AtomicBool::new(false)));
        let control = Self { address, file, ended: Arc::clone(&ended) };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let site = site.upgrade().filter(|_| !ended.load(Ordering::SeqCst));
                let Some(site) = site else { return };
                // One who goes away without an answer wants none.
                std::thread::spawn(move || serve(&stream, &site));
            }
        });
        Ok(control)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
        self.ended.store(true, Ordering::SeqCst);
        // So that whoever listens looks.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: &TcpStream, site: &Site) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let words: Vec<_> = line.split_whitespace().collect();
    let mut stream = stream;
    match obey(site, &words) {
        Ok(words) => writeln!(stream, "ok {words}"),
        Err(Disobeyed { word, why }) => writeln!(stream, "{word} {why}"),
    }
}

/// Why an order was not carried out.
struct Disobeyed {
    /// `busy`, `gone` or `error`.
    word: &'static str,
    why: String,
}

impl From<String> for Disobeyed {
    fn from(why: String) -> Self {
        Self { word: "error", why }
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
        _ => Err(format!("`{}` is none of: {ORDERS}", words.join(" ")).into()),
    }
}

fn refused(why: Refused) -> Disobeyed {
    let word = match why {
        Refused::InUse(_) | Refused::SublockHeld => "busy",
        Refused::Ended => "gone",
        _ => "error",
    };
    let why = match why {
        Refused::InUse(code) => format!("the storage is in use by {code}"),
        Refused::BadCode(given, Some(code)) => format!("the code is {code}, not {given}"),
        Refused::BadCode(given, None) => format!("there is no snapshot {given}"),
        Refused::SublockHeld => "somebody holds misc/sublock".to_owned(),
        Refused::NotAscii(_) => "the code is not ASCII, the snapshot is broken".to_owned(),
        Refused::DiskFull => "the disk is full, the snapshot is broken".to_owned(),
        Refused::Ended => "the server has ended".to_owned(),
    };
    Disobeyed { word, why }
}
