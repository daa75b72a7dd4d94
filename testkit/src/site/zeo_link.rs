//! How a Zope reaches the storage: directly, or through the ZEO server of the site.

use std::sync::Arc;

use super::backend::Backend;
use super::exception::Exception;
use super::faults::Call;
use super::zeo::Zeo;

/// The connection of a Zope to the storage.
#[derive(Debug, Clone)]
pub(super) enum StorageLink {
    /// The Zope has the storage open itself.
    Direct(Arc<Backend>),
    /// The ZEO server has it open.
    ThroughZeo(Arc<Zeo>),
}

impl StorageLink {
    pub(super) fn new(backend: &Arc<Backend>, zeo: Option<&Arc<Zeo>>) -> Self {
        match zeo {
            Some(zeo) => Self::ThroughZeo(Arc::clone(zeo)),
            None => Self::Direct(Arc::clone(backend)),
        }
    }

    /// Makes a call of the storage. Blocks as long as the answer takes.
    ///
    /// # Errors
    ///
    /// The exception that the Zope gets.
    pub(super) fn call(&self, call: Call, code: &str) -> Result<Option<String>, Exception> {
        match self {
            Self::Direct(backend) => Exception::of_call(backend.call(call, code), &backend.storage),
            Self::ThroughZeo(zeo) => zeo.call_by_zope(call, code),
        }
    }

    /// Returns the exception of a server that cannot lock `misc/sublock`.
    pub(super) fn locked(&self) -> Exception {
        let backend = match self {
            Self::Direct(backend) => backend,
            Self::ThroughZeo(zeo) => zeo.backend(),
        };
        Exception::locked(&backend.storage)
    }
}
