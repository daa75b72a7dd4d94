//! A simulated Zope as a process: its port, its connections, how it stops, and how it starts again.
//!
//! Its answers are in `zope`. Its faults outlive a restart: a test sets them for the URL, not for the
//! process.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Extension;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use super::connection::{Connection, ConnectionControl};
use super::faults::ActiveFaults;
use super::reserved_port::ReservedPort;
use super::zope::{PATH, ZopeContext, router};

/// How long a Zope that is being stopped may work on the calls in progress.
const LAST_CALLS_TIMEOUT: Duration = Duration::from_secs(5);

/// One Zope, which may be stopped and started.
#[derive(Debug)]
pub(super) struct ZopeProcess {
    port: ReservedPort,
    context: ZopeContext,
    running: Mutex<Option<Running>>,
}

/// What a Zope has only while it runs.
#[derive(Debug)]
struct Running {
    end: oneshot::Sender<End>,
    serving: JoinHandle<()>,
}

/// How a Zope ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The calls in progress are answered first.
    Stop,
    /// All connections close at once. Calls that the Zope had made to the server still have their effect.
    Crash,
}

impl ZopeProcess {
    /// Reserves a port, and starts.
    pub(super) fn new(context: ZopeContext, runtime: &Runtime) -> io::Result<Self> {
        let port = ReservedPort::reserve()?;
        let zope = Self { port, context, running: Mutex::default() };
        zope.start(runtime)?;
        Ok(zope)
    }

    /// Returns the toolkit's URL, for a line of `snapshot.conf`.
    pub(super) fn url(&self) -> String {
        format!("http://{}{PATH}", self.port.address)
    }

    pub(super) fn faults(&self) -> &ActiveFaults {
        &self.context.faults
    }

    /// Starts, unless it runs.
    pub(super) fn start(&self, runtime: &Runtime) -> io::Result<()> {
        let mut running = self.running();
        if running.is_none() {
            *running = Some(runtime.block_on(Running::on(self.port.address, &self.context))?);
        }
        Ok(())
    }

    /// Ends, if it runs; returns when all connections are closed.
    pub(super) fn end(&self, runtime: &Runtime, how: End) {
        let Some(Running { end, serving }) = self.running().take() else { return };
        // It may have ended because the port failed.
        let _ = end.send(how);
        let _ = runtime.block_on(serving);
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    async fn on(address: SocketAddr, context: &ZopeContext) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let service = Service { router: router(context.clone()), spelling: context.spelling() };
        let (end, ended) = oneshot::channel();
        Ok(Self { end, serving: tokio::spawn(serve_until(listener, Arc::new(service), ended)) })
    }
}

/// What each connection needs.
struct Service {
    router: Router,
    /// How this Zope spells `WWW-Authenticate`.
    spelling: &'static [u8],
}

async fn serve_until(
    listener: TcpListener,
    service: Arc<Service>,
    mut ended: oneshot::Receiver<End>,
) {
    let (mut connections, graceful) = (JoinSet::new(), GracefulShutdown::new());
    let end = loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(serve(stream, Arc::clone(&service), graceful.watcher()));
            }
            Some(_) = connections.join_next() => {}
            end = &mut ended => break end,
        }
    };
    match end {
        Ok(End::Stop) => {
            drop(listener);
            let _ = tokio::time::timeout(LAST_CALLS_TIMEOUT, graceful.shutdown()).await;
        }
        Ok(End::Crash) => {}
        // The site is being dropped, and its runtime ends every task.
        Err(_) => pending().await,
    }
    connections.shutdown().await;
}

async fn serve(stream: TcpStream, service: Arc<Service>, watcher: Watcher) {
    let control = ConnectionControl::default();
    let router = service.router.clone().layer(Extension(control.clone()));
    let connection = TokioIo::new(Connection::new(stream, control, service.spelling));
    let mut http = http1::Builder::new();
    let http = http.title_case_headers(true);
    let served = http.serve_connection(connection, TowerToHyperService::new(router));
    // An error means that the client closed, or that a fault cut the connection.
    let _ = watcher.watch(served).await;
}
