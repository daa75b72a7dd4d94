//! A simulated site: a live storage with commits going on, and one or several Zopes in front.
//!
//! Everything is real that a snapshot tool can see: locks, files, HTTP on this machine's
//! loopback. [`Site`] blocks and ends what it started when it is dropped.

mod answers;
mod backend;
mod connection;
mod exception;
pub(crate) mod fault_spec;
pub(crate) mod faults;
pub(crate) mod files;
mod flusher;
mod server;
mod server_config;
mod snapshot_mode;
mod zope;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::marker::{self, Marker};
use backend::Backend;
use dsnap_engine::storage::Storage;
use dsnap_engine::storage::format::Format;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use zope::Zope;

use crate::fixture::{Fixture, State};
use crate::ledger::Ledger;
use crate::transactions::Class;

pub use crate::marker::{Event, ledger_of_last_snapshot, ledgers};
pub use fault_spec::Wanted;
pub use faults::{Call, Fault};
pub use server::{Refused, Server};
pub use server_config::{Manner, Step};

/// What stands in `access`.
const PASSWORD: &str = "admin:adminpass\n";

/// What a site is to be.
#[derive(Debug, Clone)]
pub struct Builder {
    storage: Option<PathBuf>,
    format: Format,
    class: Class,
    zopes: usize,
    manner: Manner,
}

/// A simulated site that runs.
#[derive(Debug)]
pub struct Site {
    backend: Arc<Backend>,
    other: Arc<Backend>,
    zopes: Vec<Zope>,
    runtime: Option<Runtime>,
    _folders: Vec<TempDir>,
}

impl Builder {
    /// Where: a folder that is new or empty, or a storage that the testkit made; without one, a
    /// folder that vanishes with the site.
    #[must_use]
    pub fn storage(self, dir: impl Into<PathBuf>) -> Self {
        Self { storage: Some(dir.into()), ..self }
    }

    /// `[structure] format` of a new storage; bushy unless told.
    #[must_use]
    pub fn format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// `[storage] classname` of a new storage; Full unless told.
    #[must_use]
    pub fn class(self, class: Class) -> Self {
        Self { class, ..self }
    }

    /// How many Zopes; one unless told.
    #[must_use]
    pub fn zopes(self, zopes: usize) -> Self {
        Self { zopes, ..self }
    }

    /// Transactions committed each second; none unless told.
    #[must_use]
    pub fn commits_per_second(mut self, commits: u32) -> Self {
        self.manner.commits_per_second = commits;
        self
    }

    /// How long the server takes to move one transaction out of the journal.
    #[must_use]
    pub fn flush_time(mut self, time: Duration) -> Self {
        self.manner.flush_time = time;
        self
    }

    /// The server closes in a hurry.
    #[must_use]
    pub fn quick_shutdown(mut self, quick: bool) -> Self {
        self.manner.quick_shutdown = quick;
        self
    }

    /// The Zopes are in debug mode: their faults hold a traceback.
    #[must_use]
    pub fn debug_mode(mut self, debug: bool) -> Self {
        self.manner.debug_mode = debug;
        self
    }

    /// Starts it; returns when everything listens.
    ///
    /// # Errors
    ///
    /// The folder holds something else than a storage of the testkit (it is left as it is), a
    /// server has it open, or something cannot be written.
    pub fn start(self) -> io::Result<Site> {
        let mut folders = Vec::new();
        let mut own_folder = || -> io::Result<PathBuf> {
            folders.push(tempfile::tempdir()?);
            Ok(folders[folders.len() - 1].path().join("ds"))
        };
        let dir = self.storage.clone().map_or_else(&mut own_folder, Ok)?;
        let other = own_folder()?;
        let backend = self.backend(&dir, self.manner.clone())?;
        let other = self.backend(&other, Manner::default())?;
        let runtime = Runtime::new()?;
        let zopes = (0..self.zopes)
            .map(|_| runtime.block_on(Zope::start(Arc::clone(&backend), Arc::clone(&other))));
        let zopes = zopes.collect::<io::Result<Vec<_>>>()?;
        let site = Site { backend, other, zopes, runtime: Some(runtime), _folders: folders };
        site.write_conf()?;
        Ok(site)
    }

    /// Opens a storage with a server, and makes it first if nothing is there.
    fn backend(&self, dir: &Path, manner: Manner) -> io::Result<Arc<Backend>> {
        if !Marker::is_on(dir) {
            let fixture = Fixture::builder().format(self.format).class(self.class);
            fixture.state(State::Clean).transactions(12).build_in(dir)?;
        }
        marker::refuse_links(dir)?;
        let storage = Storage::open(dir).map_err(io::Error::other)?;
        let backend = Arc::new(Backend::new(storage, manner));
        backend.start()?;
        Ok(backend)
    }
}

impl Site {
    /// Says what a site is to be.
    pub fn builder() -> Builder {
        Builder {
            storage: None,
            format: Format::Bushy,
            class: Class::Full,
            zopes: 1,
            manner: Manner::default(),
        }
    }

    /// The storage.
    pub fn storage(&self) -> &Storage {
        &self.backend.storage
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        self.backend.storage.given()
    }

    /// The URLs of the Zopes' toolkit objects.
    pub fn urls(&self) -> Vec<String> {
        self.zopes.iter().map(Zope::url).collect()
    }

    /// The file with user and password.
    pub fn access(&self) -> PathBuf {
        self.storage().config().join("access")
    }

    /// The server that has the storage open.
    ///
    /// # Errors
    ///
    /// It was stopped, or has crashed.
    pub fn server(&self) -> Result<Arc<Server>, Refused> {
        self.backend.server()
    }

    /// Starts the server, unless it runs. The Zopes are there all the time.
    ///
    /// # Errors
    ///
    /// Somebody else has the storage open, or a file cannot be written.
    pub fn start_server(&self) -> io::Result<()> {
        self.backend.start()
    }

    /// Stops the server as its process ends cleanly.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn stop_server(&self) -> io::Result<()> {
        self.backend.take().map_or(Ok(()), |server| server.stop())
    }

    /// Ends the server at once.
    pub fn crash_server(&self) {
        if let Some(server) = self.backend.take() {
            server.crash();
        }
    }

    /// From now on a fault meets calls of Zope number `zope` (from 0; every one, if none is
    /// given): those of a kind, or all; so many times, or for good.
    pub fn fault(
        &self,
        zope: Option<usize>,
        fault: Fault,
        call: Option<Call>,
        times: Option<usize>,
    ) {
        for (number, each) in self.zopes.iter().enumerate() {
            if zope.is_none_or(|zope| zope == number) {
                each.faults.add(fault, call, times);
            }
        }
    }

    /// Ends all faults.
    pub fn no_faults(&self) {
        self.zopes.iter().for_each(|zope| zope.faults.clear());
    }

    /// The storage that [`Fault::WrongStorage`] leads to, and its server's code.
    pub fn other(&self) -> (&Storage, Option<String>) {
        (&self.other.storage, self.other.code().ok().flatten())
    }

    /// What a copy of `A/` must hold: everything that was committed before the last snapshot
    /// was entered, or the clean stop.
    ///
    /// # Errors
    ///
    /// The marker file cannot be read.
    pub fn ledger(&self) -> io::Result<Ledger> {
        ledger_of_last_snapshot(self.path())
    }

    /// What the storage is held under, if a snapshot is held still; looked at in its files.
    pub fn held(&self) -> Option<String> {
        let code = fs::read_to_string(self.storage().snapshot()).ok()?;
        code.starts_with("user/").then_some(code)
    }

    /// What a storage is still held under, this one or the other, when nobody enters any more;
    /// asked of the server, which knows of a broken snapshot, as well as of the files.
    pub fn still_held(&self) -> Option<String> {
        let other = || Some(format!("{} of the other storage", self.other.still_held()?));
        self.backend.still_held().or_else(other)
    }

    /// Writes `snapshot.conf` and `access`. A conf of somebody's own stays; one that was written
    /// here leads to Zopes that are gone, and perhaps to somebody else's port.
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

/// Writes a file; false if something is there already.
fn write_new(path: &Path, content: &str) -> io::Result<bool> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        file => file?.write_all(content.as_bytes()).map(|()| true),
    }
}

/// Replaces a file by another one, which only its owner may read.
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
        drop(self.other.take());
        if let Some(runtime) = self.runtime.take() {
            // An answer that never comes must not be waited for.
            runtime.shutdown_background();
        }
    }
}
