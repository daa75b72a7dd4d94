//! A second storage with a server, for a Zope that is connected to the wrong one.
//!
//! Most sites never need it, and making a storage takes longer than anything else that a site
//! does. So it is made at its first use.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use super::backend::{Backend, NewStorage};
use super::server_config::ServerConfig;

/// A storage that is made at its first use.
#[derive(Debug)]
pub(super) struct OtherStorage {
    new: NewStorage,
    made: Mutex<Option<Made>>,
}

/// A storage with a server, in a folder that vanishes with it.
#[derive(Debug)]
struct Made {
    backend: Arc<Backend>,
    _folder: TempDir,
}

impl OtherStorage {
    pub(super) fn new(new: NewStorage) -> Self {
        Self { new, made: Mutex::default() }
    }

    /// Returns the storage, and makes it first if necessary.
    pub(super) fn get_or_make(&self) -> io::Result<Arc<Backend>> {
        let mut made = self.lock();
        if let Some(made) = &*made {
            return Ok(Arc::clone(&made.backend));
        }
        let folder = tempfile::tempdir()?;
        let backend = Backend::open(&folder.path().join("ds"), self.new, ServerConfig::default())?;
        *made = Some(Made { backend: Arc::clone(&backend), _folder: folder });
        Ok(backend)
    }

    /// Returns the storage if it was made.
    pub(super) fn get(&self) -> Option<Arc<Backend>> {
        self.lock().as_ref().map(|made| Arc::clone(&made.backend))
    }

    /// Ends the server, and removes the storage.
    pub(super) fn remove(&self) {
        let made = self.lock().take();
        drop(made.as_ref().and_then(|made| made.backend.take_server()));
    }

    fn lock(&self) -> MutexGuard<'_, Option<Made>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
