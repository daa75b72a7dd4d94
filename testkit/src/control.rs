//! The control port of a site: orders for the simulated server from programs that are no clients
//! of a Zope.
//!
//! One connection carries one order: a line of words. The answer is a text that begins with `ok`,
//! `busy`, `gone` (no server has the storage open) or `error`. So a method under test can use the
//! port, too. While the site runs, a file of the storage contains the port. The client for command
//! lines is `dsnap-testkit ctl`.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;

use crate::Site;
use crate::site::fault_spec::list_of_faults;
use crate::site::{FaultSpec, ServerError, ServerName};

/// The orders, for people.
const ORDERS: &str = "enter [CODE], leave [CODE], stop [SERVER], start [SERVER], crash [SERVER], \
    commit N, pack, end-packing, status, check, fault [SERVER] [FAULT... | none]";
/// The code of an order without one.
const DEFAULT_CODE: &str = "testkit";

/// Returns the path of the file that contains a site's port.
pub fn port_file(dir: &Path) -> PathBuf {
    dir.join("misc/dsnap-testkit.port")
}

/// A listener for orders. Dropping it closes the port, and waits for the orders in progress.
#[derive(Debug)]
pub struct Control {
    address: SocketAddr,
    file: PathBuf,
    ended: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
    connections: Arc<Connections>,
}

/// The connections that are served, each with its thread. A thread shares the site until its end.
#[derive(Debug, Default)]
struct Connections(Mutex<Vec<(TcpStream, JoinHandle<()>)>>);

impl Control {
    /// Listens on a free port of the loopback interface, for orders to this site.
    ///
    /// # Errors
    ///
    /// No port is free, or the port cannot be written to the storage.
    pub fn listen(site: &Arc<Site>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (address, file) = (listener.local_addr()?, port_file(site.path()));
        fs::write(&file, format!("{}\n", address.port()))?;
        let (ended, connections) = <(Arc<AtomicBool>, Arc<Connections>)>::default();
        let (site, is_over, served) =
            (Arc::downgrade(site), Arc::clone(&ended), Arc::clone(&connections));
        let listening = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if is_over.load(Ordering::SeqCst) || !served.add(stream, &site) {
                    return;
                }
            }
        });
        Ok(Self { address, file, ended, listening: Some(listening), connections })
    }

    /// Returns the address of the port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the port, stops the server, and ends the site. After that no thread shares the site, so a
    /// temporary storage is removed.
    ///
    /// # Errors
    ///
    /// The server could not write a file when it stopped.
    pub fn end(mut self, site: Arc<Site>) -> io::Result<()> {
        self.close();
        // This also ends orders that wait for the server.
        let stopped = site.stop_server();
        self.connections.join();
        drop(site);
        stopped
    }

    /// Accepts no more orders.
    fn close(&mut self) {
        let Some(listening) = self.listening.take() else { return };
        let _ = fs::remove_file(&self.file);
        self.ended.store(true, Ordering::SeqCst);
        // The listening thread looks at the flag only when a client connects.
        let _ = TcpStream::connect(self.address);
        let _ = listening.join();
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.close();
        self.connections.join();
    }
}

impl Connections {
    /// Serves one more client. False if the site has ended.
    fn add(&self, stream: TcpStream, site: &Weak<Site>) -> bool {
        let Some(site) = site.upgrade() else { return false };
        let Ok(own) = stream.try_clone() else { return true };
        let thread = std::thread::spawn(move || {
            // A client that has closed needs no answer.
            let _ = serve(&stream, &site);
            // Otherwise the client would wait: the list has a copy of the socket.
            let _ = stream.shutdown(Shutdown::Both);
        });
        let mut served = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        served.retain(|(_, thread)| !thread.is_finished());
        served.push((own, thread));
        true
    }

    /// Waits for the orders in progress. Clients that have not sent an order get no answer.
    fn join(&self) {
        let mut served = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (stream, thread) in served.drain(..) {
            let _ = stream.shutdown(Shutdown::Read);
            let _ = thread.join();
        }
    }
}

fn serve(stream: &TcpStream, site: &Site) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let words: Vec<_> = line.split_whitespace().collect();
    let mut stream = stream;
    match execute(site, &words) {
        Ok(text) => writeln!(stream, "ok {text}"),
        Err(OrderError { word, text }) => writeln!(stream, "{word} {text}"),
    }
}

/// Why an order was not executed.
struct OrderError {
    /// `busy`, `gone` or `error`.
    word: &'static str,
    text: String,
}

impl From<String> for OrderError {
    fn from(text: String) -> Self {
        Self { word: "error", text }
    }
}

impl From<io::Error> for OrderError {
    fn from(error: io::Error) -> Self {
        error.to_string().into()
    }
}

impl From<ServerError> for OrderError {
    fn from(error: ServerError) -> Self {
        let word = match error {
            ServerError::InUse(_) | ServerError::SublockHeld => "busy",
            ServerError::Ended => "gone",
            _ => "error",
        };
        let text = match error {
            ServerError::InUse(code) => format!("the storage is in use by {code}"),
            ServerError::BadCode(given, Some(code)) => {
                format!("the storage is in the snapshot {code}, not {given}")
            }
            ServerError::BadCode(given, None) => format!("there is no snapshot {given}"),
            ServerError::SublockHeld => "another process holds misc/sublock".to_owned(),
            ServerError::NotAscii(_) => {
                "the code is not ASCII, and now the snapshot is broken".to_owned()
            }
            ServerError::DiskFull => "the disk is full, and now the snapshot is broken".to_owned(),
            ServerError::Ended => "no server has the storage open".to_owned(),
        };
        Self { word, text }
    }
}

/// Executes an order; returns the text of the answer.
fn execute(site: &Site, words: &[&str]) -> Result<String, OrderError> {
    match words {
        ["enter"] => site.server()?.enter(DEFAULT_CODE)?,
        ["enter", code] => site.server()?.enter(code)?,
        ["leave"] => site.server()?.leave(DEFAULT_CODE)?,
        ["leave", code] => site.server()?.leave(code)?,
        ["pack"] => site.server()?.pack()?,
        ["end-packing"] => site.server()?.end_packing()?,
        ["stop"] => site.stop_server()?,
        ["start"] => site.start_server()?,
        ["crash"] => site.crash_server(),
        ["stop", server] => site.stop(site.server_named(server)?)?,
        ["start", server] => site.start(site.server_named(server)?)?,
        ["crash", server] => site.crash(site.server_named(server)?)?,
        ["commit", count] => {
            let count = count.parse().map_err(|_| format!("`{count}` is not a number"))?;
            site.server()?.commit(count)?;
        }
        ["status"] => {
            return Ok(site.server()?.code()?.unwrap_or_else(|| "in no snapshot".to_owned()));
        }
        ["check"] => check(site)?,
        ["fault", server, words @ ..] if ServerName::is_meant_by(server) => {
            return fault(site, Some(site.server_named(server)?), words);
        }
        ["fault", words @ ..] => return fault(site, None, words),
        _ => {
            let order = words.join(" ");
            return Err(format!("unknown order `{order}`; the orders are: {ORDERS}").into());
        }
    }
    Ok(String::new())
}

/// Fails if the storage is still in a snapshot when no client enters or leaves any more.
fn check(site: &Site) -> Result<(), String> {
    match site.remaining_snapshot() {
        None => Ok(()),
        Some(code) => Err(format!("the storage is still in the snapshot {code}")),
    }
}

/// Adds or removes faults at one server or at all, or lists them.
fn fault(site: &Site, server: Option<ServerName>, words: &[&str]) -> Result<String, OrderError> {
    match (words, server) {
        ([], _) => return Ok(list_of_faults()),
        (["none"], None) => site.no_faults(),
        (["none"], Some(server)) => site.no_faults_at(server)?,
        (faults, server) => {
            let specs = faults.iter().map(|fault| FaultSpec::parse(fault));
            for spec in specs.collect::<Result<Vec<_>, _>>()? {
                match server {
                    None => site.add_fault(spec)?,
                    Some(server) => site.add_fault_at(server, spec)?,
                }
            }
        }
    }
    Ok(String::new())
}
