//! A simulated site: a live storage with ongoing commits, and Zopes and a ZEO server in front of it.
//!
//! Everything that a snapshot tool can see is real: locks, files, and sockets. Creating and dropping
//! a [`Site`] block until its threads have started or ended.
//!
//! Dependencies between the modules point down this list only:
//!
//! - `builder`: the options, and the start
//! - `servers`: the servers of a site, each by its name
//! - `zope_process`: a Zope that can be stopped and started again
//! - `zope`: its answers to XML-RPC, with `answers`, `connection`, `zope_version`
//! - `zeo_link`: how a Zope reaches the storage
//! - `zeo`: the ZEO server
//! - `reserved_port`: the port of a server, which it keeps while it is stopped
//! - `exception`: what a server raises
//! - `other_storage`, `backend`: a storage with its server
//! - `server`: the simulated server, with `flusher`, `snapshot_mode`, `shared`, `files`
//! - `fault_spec`, `faults`, `server_config`, `server_error`: the types they share
//!
//! The control port, `crate::control`, uses a site. The site does not know it.

mod answers;
mod backend;
mod builder;
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
mod zeo;
mod zeo_link;
mod zope;
mod zope_process;
mod zope_version;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dsnap_engine::storage::Storage;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::ledger::Ledger;
use crate::marker::{committed_until_end, ledger_of_first};

use backend::Backend;
use other_storage::OtherStorage;
use zeo::Zeo;
use zope_process::ZopeProcess;

pub use crate::marker::{Event, ledger_of_last_snapshot, ledgers};
pub use builder::Builder;
pub use fault_spec::FaultSpec;
pub use faults::{Call, Fault, ServerKind};
pub use server::Server;
pub use server_config::{ServerConfig, Step};
pub use server_error::ServerError;
pub use servers::ServerName;
pub use zeo::{ZeoAccount, ZeoConfig, ZeoVersion};
pub use zope_version::ZopeVersion;

/// A running simulated site. Dropping it stops everything that it started.
#[derive(Debug)]
pub struct Site {
    backend: Arc<Backend>,
    other: Arc<OtherStorage>,
    zopes: Vec<ZopeProcess>,
    zeo: Option<Arc<Zeo>>,
    runtime: Option<Runtime>,
    _folder: Option<TempDir>,
}

impl Site {
    /// Returns the options of a site with their defaults.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Returns the runtime of the Zopes' connections. A site has one until it is dropped.
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

    /// Returns the address of the ZEO server, if the site has one: HOST:PORT, or the path of a socket.
    pub fn zeo_address(&self) -> Option<String> {
        self.zeo.as_ref().map(|zeo| zeo.address())
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

    /// Returns everything that was committed until now, for copies that were made without a snapshot.
    ///
    /// # Errors
    ///
    /// The marker file or the settings of the storage cannot be read.
    pub fn ledger_until_now(&self) -> io::Result<Ledger> {
        ledger_of_first(self.storage(), self.committed()?)
    }

    /// Returns how many transactions were committed until now, or until the server ended.
    ///
    /// # Errors
    ///
    /// No server runs, and the marker file cannot be read.
    pub fn committed(&self) -> io::Result<usize> {
        match self.server() {
            Ok(server) => Ok(server.committed()),
            Err(_) => committed_until_end(self.path()),
        }
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
