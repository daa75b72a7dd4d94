//! A storage, and the simulated server that has it open, if one does.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use dsnap_engine::storage::Storage;
use dsnap_engine::storage::format::Format;

use super::faults::Call;
use super::server::Server;
use super::server_config::ServerConfig;
use super::server_error::ServerError;
use super::shared::CodeKind;
use crate::fixture::{Fixture, State};
use crate::marker::{self, Marker};
use crate::transactions::Class;

/// How a new storage is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewStorage {
    pub(super) format: Format,
    pub(super) class: Class,
}

/// A storage whose server may end and be started again.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) storage: Storage,
    pub(super) config: ServerConfig,
    server: RwLock<Option<Arc<Server>>>,
}

impl Backend {
    /// Opens a storage with a server; makes the storage first if the testkit did not yet.
    ///
    /// # Errors
    ///
    /// The folder contains something else, a server has it open, or a file cannot be written.
    pub(super) fn open(dir: &Path, new: NewStorage, config: ServerConfig) -> io::Result<Arc<Self>> {
        if !Marker::is_on(dir) {
            let fixture = Fixture::builder().format(new.format).class(new.class);
            fixture.state(State::Clean).transactions(12).build_in(dir)?;
        }
        marker::refuse_links(dir)?;
        let storage = Storage::open(dir).map_err(io::Error::other)?;
        let backend = Arc::new(Self { storage, config, server: RwLock::new(None) });
        backend.start()?;
        Ok(backend)
    }

    /// Returns the running server.
    ///
    /// # Errors
    ///
    /// No server runs.
    pub(super) fn server(&self) -> Result<Arc<Server>, ServerError> {
        let server = self.server.read().unwrap_or_else(PoisonError::into_inner);
        server.clone().ok_or(ServerError::Ended)
    }

    /// Starts the server, unless it runs.
    pub(super) fn start(&self) -> io::Result<()> {
        let mut server = self.server.write().unwrap_or_else(PoisonError::into_inner);
        if server.is_none() {
            *server = Some(Arc::new(Server::start(&self.storage, self.config.clone())?));
        }
        Ok(())
    }

    /// Removes the server, so that the caller can end it.
    pub(super) fn take_server(&self) -> Option<Arc<Server>> {
        self.server.write().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn enter(&self, code: &str) -> Result<(), ServerError> {
        self.server()?.enter(code)
    }

    /// Enters under a code that is this kind of string.
    pub(super) fn enter_as(&self, code: &str, kind: CodeKind) -> Result<(), ServerError> {
        self.server()?.enter_as(code, kind)
    }

    pub(super) fn leave(&self, code: &str) -> Result<(), ServerError> {
        self.server()?.leave(code)
    }

    pub(super) fn code(&self) -> Result<Option<String>, ServerError> {
        self.server()?.code()
    }

    /// Returns the code, and the kind of string that it is.
    pub(super) fn code_and_kind(&self) -> Result<Option<(String, CodeKind)>, ServerError> {
        self.server()?.code_and_kind()
    }

    /// Makes a call; returns the snapshot code if that was asked for.
    pub(super) fn call(&self, call: Call, code: &str) -> Result<Option<String>, ServerError> {
        match call {
            Call::Enter => self.enter(code).map(|()| None),
            Call::Leave => self.leave(code).map(|()| None),
            // The others have no effect on a storage.
            _ => self.code(),
        }
    }

    /// Returns the code of a snapshot that remains when no caller enters or leaves any more.
    pub(super) fn remaining_snapshot(&self) -> Option<String> {
        let known = self.server().ok().and_then(|server| server.remaining_snapshot());
        known.or_else(|| {
            let content = fs::read(self.storage.snapshot()).ok()?;
            match &content[..] {
                b"" => Some("without a code".to_owned()),
                code if code.starts_with(b"user/") => {
                    Some(String::from_utf8_lossy(code).into_owned())
                }
                _ => None,
            }
        })
    }
}
