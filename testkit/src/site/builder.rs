//! The options of a simulated site, and how it starts.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dsnap_engine::storage::format::Format;
use tokio::runtime::Runtime;

use super::Site;
use super::backend::{Backend, NewStorage};
use super::other_storage::OtherStorage;
use super::server_config::ServerConfig;
use super::zeo::{STORAGE, Zeo, ZeoConfig};
use super::zeo_link::StorageLink;
use super::zope::ZopeContext;
use super::zope_process::ZopeProcess;
use super::zope_version::{ZopeConfig, ZopeVersion};
use crate::marker::Marker;
use crate::transactions::Class;

/// The content of `access`.
const PASSWORD: &str = "admin:adminpass\n";
/// The file in `config` with the account of a ZEO server.
const ZEO_ACCESS: &str = "zeo-access";

/// The options of a site.
#[derive(Debug, Clone)]
pub struct Builder {
    storage: Option<PathBuf>,
    new: NewStorage,
    zopes: usize,
    zope: ZopeConfig,
    zeo: Option<ZeoConfig>,
    config: ServerConfig,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            storage: None,
            new: NewStorage { format: Format::Bushy, class: Class::Full },
            zopes: 1,
            zope: ZopeConfig::default(),
            zeo: None,
            config: ServerConfig::default(),
        }
    }
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

    /// Sets the version of Zope whose answers the Zopes give; Zope 2 by default.
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

    /// Puts a ZEO server in front of the storage; none by default.
    #[must_use]
    pub fn zeo(self, config: ZeoConfig) -> Self {
        Self { zeo: Some(config), ..self }
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
        let zeo = self.zeo.map(|config| Zeo::new(config, &backend, &other)).transpose()?;
        let zeo = zeo.map(Arc::new);
        let runtime = Runtime::new()?;
        let context = || ZopeContext {
            storage: StorageLink::new(&backend, zeo.as_ref()),
            other: Arc::clone(&other),
            faults: Arc::default(),
            config: self.zope,
        };
        let zopes = (0..self.zopes).map(|_| ZopeProcess::new(context(), &runtime));
        let zopes = zopes.collect::<io::Result<Vec<_>>>()?;
        let site = Site { backend, other, zopes, zeo, runtime: Some(runtime), _folder: folder };
        site.write_conf()?;
        Ok(site)
    }
}

impl Site {
    /// Returns a line for the ZEO server, which can be asked while no Zope runs, and one for each Zope.
    fn conf_lines(&self) -> String {
        let zopes = self.urls().into_iter().map(|url| format!("http {url} access\n"));
        let zeo = self.zeo.iter().map(|zeo| match zeo.account() {
            None => format!("zeo {}\n", zeo.address()),
            Some(account) => {
                format!("zeo {} {STORAGE} {ZEO_ACCESS} realm={}\n", zeo.address(), account.realm)
            }
        });
        zeo.chain(zopes).collect()
    }

    /// Writes the account of the ZEO server, if it wants one.
    fn write_zeo_access(&self) -> io::Result<()> {
        let Some(account) = self.zeo.as_ref().and_then(|zeo| zeo.account()) else { return Ok(()) };
        let content = format!("{}:{}\n", account.user, account.password);
        replace(&self.storage().config().join(ZEO_ACCESS), &content)
    }

    /// Writes `snapshot.conf` and `access`. Keeps a conf that a user wrote; replaces one of an
    /// earlier site, whose ports may belong to other programs now.
    fn write_conf(&self) -> io::Result<()> {
        self.write_zeo_access()?;
        let (config, lines) = (self.storage().config(), self.conf_lines());
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
