//! A simulated site: a live storage with ongoing commits, and one or more Zopes in front of it.
//!
//! Everything that a snapshot tool can see is real: locks, files, and HTTP on the loopback
//! interface. Creating and dropping a [`Site`] block until its threads have started or ended.
//!
//! Dependencies between the modules point down this list only:
//!
//! - `servers`: the servers of a site, each by its name
//! - `zope_process`, `reserved_port`: a Zope that may end and come back
//! - `zope`: its answers to XML-RPC, with `answers`, `exception`, `connection`, `zope_version`
//! - `other_storage`, `backend`: a storage with its server
//! - `server`: the simulated server, with `flusher`, `snapshot_mode`, `shared`, `files`
//! - `fault_spec`, `faults`, `server_config`, `server_error`: the types they share
//!
//! The control port, `crate::control`, uses a site and is unknown to it.

mod answers;
mod backend;
mod connection;
mod exception;
pub(crate) mod fault_spec;
mod faults;
mod files;
mod flusher;
mod other_storage;
mod reserved_port;
mod server;
mod server_config;
mod server_error;
mod servers;
mod shared;
mod snapshot_mode;
mod zope;
mod zope_process;
mod zope_version;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dsnap_engine::storage::Storage;
use dsnap_engine::storage::format::Format;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::ledger::Ledger;
use crate::marker::{Marker, ledger_of_first};
use crate::transactions::Class;

use backend::{Backend, NewStorage};
use other_storage::OtherStorage;
use zope::ZopeContext;
use zope_process::ZopeProcess;
use zope_version::ZopeConfig;

pub use crate::marker::{Event, ledger_of_last_snapshot, ledgers};
pub use fault_spec::FaultSpec;
pub use faults::{Call, Fault};
pub use server::Server;
pub use server_config::{ServerConfig, Step};
pub use server_error::ServerError;
pub use servers::ServerName;
pub use zope_version::ZopeVersion;

/// The content of `access`.
const PASSWORD: &str = "admin:adminpass\n";

/// The options of a site.
#[derive(Debug, Clone)]
pub struct Builder {
    storage: Option<PathBuf>,
    new: NewStorage,
    zopes: usize,
    zope: ZopeConfig,
    config: ServerConfig,
}

/// A running simulated site. Dropping it stops everything that it started.
#[derive(Debug)]
pub struct Site {
    backend: Arc<Backend>,
    other: Arc<OtherStorage>,
    zopes: Vec<ZopeProcess>,
    runtime: Option<Runtime>,
    _folder: Option<TempDir>,
}

impl Builder {
    /// Uses this directory: a new or empty one, or a storage that the testkit made. By default the
    /// storage is made in a temporary folder and vanishes with the site.
    #[must_use]
    pub fn storage(self, dir: impl Into<PathBuf>) -> Self {
        Self { storage: Some(dir.into()), ..self }
    }

    /// Sets `[structure] format` of a new storage; bushy by default.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.new.format = format;
        self
    }

    /// Sets `[storage] classname` of a new storage; Full by default.
    #[must_use]
    pub fn class(mut self, class: Class) -> Self {
        self.new.class = class;
        self
    }

    /// Sets the number of Zopes; one by default.
    #[must_use]
    pub fn zopes(self, zopes: usize) -> Self {
        Self { zopes, ..self }
    }

    /// Sets how many transactions are committed each second; none by default.
    #[must_use]
    pub fn commits_per_second(mut self, commits: u32) -> Self {
        self.config.commits_per_second = commits;
        self
    }

    /// Sets how long the server takes to move one transaction out of the journal.
    #[must_use]
    pub fn flush_time(mut self, time: Duration) -> Self {
        self.config.flush_time = time;
        self
    }

    /// Makes a clean stop leave the journal as it is (`quick_shutdown`).
    #[must_use]
    pub fn quick_shutdown(mut self, quick: bool) -> Self {
        self.config.quick_shutdown = quick;
        self
    }

    /// Sets whose answers the Zopes give; those of Zope 2 by default.
    #[must_use]
    pub fn answers(mut self, version: ZopeVersion) -> Self {
        self.zope.version = version;
        self
    }

    /// Runs the Zopes in debug mode: the faults of Zope 2 contain a traceback.
    #[must_use]
    pub fn debug_mode(mut self, debug: bool) -> Self {
        self.zope.debug_mode = debug;
        self
    }

    /// Switches XML-RPC on or off, as `enable-xmlrpc` of Zope 6 does; on by default.
    #[must_use]
    pub fn xmlrpc(mut self, on: bool) -> Self {
        self.zope.xmlrpc = on;
        self
    }

    /// Starts the site; returns when the server and all Zopes accept calls.
    ///
    /// # Errors
    ///
    /// The directory contains something else than a storage of the testkit (it is not changed), a
    /// server has the storage open, or a file cannot be written.
    pub fn start(self) -> io::Result<Site> {
        let (dir, folder) = match self.storage {
            Some(dir) => (dir, None),
            None => {
                let folder = tempfile::tempdir()?;
                (folder.path().join("ds"), Some(folder))
            }
        };
        let backend = Backend::open(&dir, self.new, self.config)?;
        let other = Arc::new(OtherStorage::new(self.new));
        let runtime = Runtime::new()?;
        let context = || ZopeContext {
            storage: Arc::clone(&backend),
            other: Arc::clone(&other),
            faults: Arc::default(),
            config: self.zope,
        };
        let zopes = (0..self.zopes).map(|_| ZopeProcess::new(context(), &runtime));
        let zopes = zopes.collect::<io::Result<Vec<_>>>()?;
        let site = Site { backend, other, zopes, runtime: Some(runtime), _folder: folder };
        site.write_conf()?;
        Ok(site)
    }
}

impl Site {
    /// Returns the options of a site with their defaults.
    pub fn builder() -> Builder {
        Builder {
            storage: None,
            new: NewStorage { format: Format::Bushy, class: Class::Full },
            zopes: 1,
            zope: ZopeConfig::default(),
            config: ServerConfig::default(),
        }
    }

    /// Returns what the threads of the servers run on. A site has it until it is dropped.
    fn runtime(&self) -> io::Result<&Runtime> {
        self.runtime.as_ref().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Returns the storage.
    pub fn storage(&self) -> &Storage {
        &self.backend.storage
    }

    /// Returns the storage's directory.
    pub fn path(&self) -> &Path {
        self.backend.storage.given()
    }

    /// Returns the URLs of the Zopes' toolkit objects.
    pub fn urls(&self) -> Vec<String> {
        self.zopes.iter().map(ZopeProcess::url).collect()
    }

    /// Returns the path of the access file: user and password.
    pub fn access(&self) -> PathBuf {
        self.storage().config().join("access")
    }

    /// Returns the server that has the storage open.
    ///
    /// # Errors
    ///
    /// The server was stopped, or it has crashed.
    pub fn server(&self) -> Result<Arc<Server>, ServerError> {
        self.backend.server()
    }

    /// Starts the server that has the storage open, unless it runs.
    ///
    /// # Errors
    ///
    /// Another server has the storage open, or a file cannot be written.
    pub fn start_server(&self) -> io::Result<()> {
        self.backend.start()
    }

    /// Stops the server that has the storage open cleanly, if it runs. The Zopes run on.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn stop_server(&self) -> io::Result<()> {
        self.backend.take_server().map_or(Ok(()), |server| server.stop())
    }

    /// Ends the server that has the storage open at once. The Zopes run on.
    pub fn crash_server(&self) {
        if let Some(server) = self.backend.take_server() {
            server.crash();
        }
    }

    /// Adds a fault at the Zope with this number (from 0), or at every Zope: for one kind of call
    /// or for all, for a number of times or for good.
    pub fn fault(
        &self,
        zope: Option<usize>,
        fault: Fault,
        call: Option<Call>,
        times: Option<usize>,
    ) {
        for (number, each) in self.zopes.iter().enumerate() {
            if zope.is_none_or(|zope| zope == number) {
                each.faults().add(fault, call, times);
            }
        }
    }

    /// Adds a fault at every Zope.
    pub fn add_fault(&self, spec: FaultSpec) {
        self.fault(None, spec.fault, spec.call, spec.times);
    }

    /// Removes all faults.
    pub fn no_faults(&self) {
        self.zopes.iter().for_each(|zope| zope.faults().clear());
    }

    /// Returns the directory of the storage that [`Fault::WrongStorage`] leads to, and its server's
    /// code. Both are `None` before the fault's first call.
    pub fn other(&self) -> (Option<PathBuf>, Option<String>) {
        let Some(other) = self.other.get() else { return (None, None) };
        (Some(other.storage.given().to_owned()), other.code().ok().flatten())
    }

    /// Returns what a copy of `A/` must contain: everything that was committed before the last
    /// snapshot was entered, or before the clean stop.
    ///
    /// # Errors
    ///
    /// The marker file cannot be read.
    pub fn ledger(&self) -> io::Result<Ledger> {
        ledger_of_last_snapshot(self.path())
    }

    /// Returns everything that was committed until now, for copies that no tool took care of.
    ///
    /// # Errors
    ///
    /// No server runs, or the settings of the storage cannot be read.
    pub fn ledger_until_now(&self) -> io::Result<Ledger> {
        let server = self.server().map_err(|_| io::Error::other("no server runs"))?;
        ledger_of_first(self.storage(), server.committed())
    }

    /// Returns the code in `misc/snapshot` if it is a tool's.
    pub fn held(&self) -> Option<String> {
        let code = fs::read_to_string(self.storage().snapshot()).ok()?;
        code.starts_with("user/").then_some(code)
    }

    /// Returns the snapshot that remains, on this storage or the other one, when no caller enters or
    /// leaves any more. Asks the server, which knows of a broken snapshot, as well as the files.
    pub fn remaining_snapshot(&self) -> Option<String> {
        let on_other = || {
            let code = self.other.get()?.remaining_snapshot()?;
            Some(format!("{code} of the other storage"))
        };
        self.backend.remaining_snapshot().or_else(on_other)
    }

    /// Writes `snapshot.conf` and `access`. Keeps a conf that a user wrote; replaces one of an
    /// earlier site, whose ports may belong to other programs now.
    fn write_conf(&self) -> io::Result<()> {
        let lines = self.urls().into_iter().map(|url| format!("http {url} access\n"));
        let (config, lines) = (self.storage().config(), lines.collect::<String>());
        let path = config.join("snapshot.conf");
        let before = Marker::read(self.storage().root())?.conf;
        if before.is_some_and(|before| fs::read(&path).is_ok_and(|it| it == before.as_bytes())) {
            replace(&path, &lines)?;
        } else if !write_new(&path, &lines)? {
            return write_new(&self.access(), PASSWORD).map(drop);
        }
        Marker::change(self.storage(), |marker| marker.conf = Some(lines))?;
        write_new(&self.access(), PASSWORD).map(drop)
    }
}

/// Writes a new file; false if the path exists.
fn write_new(path: &Path, content: &str) -> io::Result<bool> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        file => file?.write_all(content.as_bytes()).map(|()| true),
    }
}

/// Replaces a file by one that only its owner may read.
fn replace(path: &Path, content: &str) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.stop_server();
        self.other.remove();
        if let Some(runtime) = self.runtime.take() {
            // Without waiting: some faults never answer.
            runtime.shutdown_background();
        }
    }
}
