//! What all connections of a ZEO server share, and what it tells its clients.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::backend::Backend;
use super::super::faults::ActiveFaults;
use super::super::other_storage::OtherStorage;
use super::super::server::{News, Server};
use super::clients::Clients;
use super::objects::{Id, Objects};
use super::reply::{self, Pickle};
use super::version::{ZeoConfig, ZeoVersion};

/// The shared part of a server.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) config: ZeoConfig,
    pub(super) backend: Arc<Backend>,
    pub(super) other: Arc<OtherStorage>,
    pub(super) faults: ActiveFaults,
    pub(super) clients: Clients,
    pub(super) objects: Objects,
    turns: Turns,
}

/// Which client is served now, and what the clients were told.
#[derive(Debug, Default)]
struct Turns {
    /// Locked while the one thread of an older server serves a client.
    one: Mutex<()>,
    told: Mutex<Told>,
}

/// What the clients were told.
#[derive(Debug, Default, Clone, Copy)]
struct Told {
    /// How many commits there were when the server was started.
    at_start: usize,
    news: News,
}

impl Service {
    pub(super) fn new(config: ZeoConfig, backend: Arc<Backend>, other: Arc<OtherStorage>) -> Self {
        let (faults, clients) = (ActiveFaults::default(), Clients::default());
        Self {
            config,
            backend,
            other,
            faults,
            clients,
            objects: Objects::default(),
            turns: Turns::default(),
        }
    }

    /// Waits for the turn of this thread, if the server has only one.
    pub(super) fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        let has_one = self.config.version.has_one_thread();
        has_one.then(|| self.turns.one.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Starts with the commits and packs that the server has now: clients are told only of later ones.
    pub(super) fn begin(&self, server: &Server) {
        let news = server.news();
        *self.told() = Told { at_start: news.commits, news };
    }

    /// Tells the clients what has been committed and packed since the last time, and returns the
    /// number of commits.
    pub(super) fn catch_up(&self) -> usize {
        let mut told = self.told();
        if let Ok(server) = self.backend.server() {
            let news = server.news();
            (told.news.commits..news.commits).for_each(|at| self.tell_of_commit(at));
            if news.packs > told.news.packs {
                let info = reply::tuple(&[self.size_info()]);
                self.clients.tell_all(|client| client.outbox.tell("info", &info));
            }
            told.news = news;
        }
        told.news.commits
    }

    /// Tells the clients of commits and packs until the server ends.
    pub(super) fn keep_telling(&self, server: &Server) {
        let mut seen = self.told().news;
        while let Some(news) = server.wait_for_news(seen) {
            let turn = self.turn();
            self.catch_up();
            drop(turn);
            seen = news;
        }
    }

    fn tell_of_commit(&self, at: usize) {
        let Some((tid, oids)) = self.objects.transaction(at) else { return };
        self.clients.tell_all(|client| {
            let oids = self.object_list(client.peer(), &oids);
            let arguments = reply::tuple(&[reply::bytes(&tid), oids]);
            client.outbox.tell("invalidateTransaction", &arguments);
        });
    }

    /// Encodes a list of objects for a client of this version.
    pub(super) fn object_list(&self, peer: &str, oids: &[Id]) -> Pickle {
        let with_version = self.config.version.names_object_versions(peer);
        let object = |oid: &Id| match with_version {
            true => reply::tuple(&[reply::bytes(oid), reply::bytes(b"")]),
            false => reply::bytes(oid),
        };
        reply::list(&oids.iter().map(object).collect::<Vec<_>>())
    }

    /// Encodes the size of the storage, which DirectoryStorage does not know.
    pub(super) fn size_info(&self) -> Pickle {
        let size = reply::text("not measured");
        reply::dictionary(&[("length", reply::number(0)), ("size", size)])
    }

    /// Returns the last transaction and the objects that were written after this one; `None` if the
    /// server does not know them all.
    pub(super) fn changes_since(&self, tid: Id) -> Option<(Id, Vec<Id>)> {
        let committed = self.catch_up();
        let at_start = self.told().at_start;
        // Newer servers begin with the last transaction that there was before them.
        let begins_earlier = self.config.version != ZeoVersion::Z303;
        let first = at_start.saturating_sub(begins_earlier.into());
        let changed = self.objects.changed_since(tid, first, committed)?;
        Some((self.objects.last(committed)?, changed))
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.turns.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
