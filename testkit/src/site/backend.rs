//! A storage and the simulated server that has it open, or not just now.

use std::fs;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use dsnap_engine::storage::Storage;

use super::answers::{self, Answer};
use super::exception::Exception;
use super::server::{Refused, Server};
use super::server_config::Manner;

/// A storage whose server may end and be started again.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) storage: Storage,
    manner: Manner,
    server: RwLock<Option<Arc<Server>>>,
}

impl Backend {
    pub(super) fn new(storage: Storage, manner: Manner) -> Self {
        Self { storage, manner, server: RwLock::new(None) }
    }

    /// The server.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(super) fn server(&self) -> Result<Arc<Server>, Refused> {
        let server = self.server.read().unwrap_or_else(PoisonError::into_inner);
        server.clone().ok_or(Refused::Ended)
    }

    pub(super) fn start(&self) -> io::Result<()> {
        let mut server = self.server.write().unwrap_or_else(PoisonError::into_inner);
        if server.is_none() {
            *server = Some(Arc::new(Server::start(&self.storage, self.manner.clone())?));
        }
        Ok(())
    }

    /// Takes the server away, to be ended.
    pub(super) fn take(&self) -> Option<Arc<Server>> {
        self.server.write().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn enter(&self, code: &str) -> Result<(), Refused> {
        self.server()?.enter(code)
    }

    pub(super) fn leave(&self, code: &str) -> Result<(), Refused> {
        self.server()?.leave(code)
    }

    pub(super) fn code(&self) -> Result<Option<String>, Refused> {
        self.server()?.code()
    }

    /// What it is held under, when nobody enters any more.
    pub(super) fn still_held(&self) -> Option<String> {
        let known = self.server().ok().and_then(|server| server.settled());
        known.or_else(|| {
            let mark = fs::read(self.storage.snapshot()).ok()?;
            match &mark[..] {
                b"" => Some("without a code".to_owned()),
                mark if mark.starts_with(b"user/") => {
                    Some(String::from_utf8_lossy(mark).into_owned())
                }
                _ => None,
            }
        })
    }

    /// The answer to what was refused.
    pub(super) fn refusal(&self, why: &Refused) -> Answer {
        let sublock = self.storage.sublock().display().to_string();
        self.exception(&Exception::of(why, &sublock))
    }

    /// The answer to a call that ended so.
    pub(super) fn exception(&self, exception: &Exception) -> Answer {
        answers::exception(exception, self.manner.debug_mode)
    }
}
