//! The address of a ZEO server, which stays reserved while the server is stopped.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::SockRef;
use tempfile::TempDir;

use super::super::reserved_port::ReservedPort;
use super::stream::Stream;

/// Where a server listens.
#[derive(Debug)]
pub(super) enum Address {
    /// A port of the loopback interface.
    Tcp(ReservedPort),
    /// A path in a folder that vanishes with the site.
    Unix { _folder: TempDir, path: PathBuf },
}

impl Address {
    /// Reserves a free port.
    pub(super) fn tcp() -> io::Result<Self> {
        ReservedPort::reserve().map(Self::Tcp)
    }

    pub(super) fn unix() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("zeo.sock");
        Ok(Self::Unix { _folder: folder, path })
    }

    /// Listens. What a crash left at the path is removed first.
    pub(super) fn listen(&self) -> io::Result<Listener> {
        match self {
            Self::Tcp(port) => TcpListener::bind(port.address).map(Listener::Tcp),
            Self::Unix { path, .. } => {
                remove(path)?;
                UnixListener::bind(path).map(Listener::Unix)
            }
        }
    }

    /// Removes the socket, as a real server does when it is stopped.
    pub(super) fn clean_up(&self) -> io::Result<()> {
        match self {
            Self::Tcp(_) => Ok(()),
            Self::Unix { path, .. } => remove(path),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(port) => write!(f, "{}", port.address),
            Self::Unix { path, .. } => write!(f, "{}", path.display()),
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A socket that accepts connections.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Waits for a client.
    ///
    /// # Errors
    ///
    /// The listener was closed.
    pub(super) fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => {
                let stream = listener.accept()?.0;
                // Otherwise the kernel would collect trickled bytes, and send them together.
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
            Self::Unix(listener) => Ok(Stream::Unix(listener.accept()?.0)),
        }
    }

    /// Wakes the thread that waits for a client, and accepts no more.
    pub(super) fn close(&self) {
        let socket = match self {
            Self::Tcp(listener) => SockRef::from(listener),
            Self::Unix(listener) => SockRef::from(listener),
        };
        // An error means that it is closed already.
        let _ = socket.shutdown(std::net::Shutdown::Both);
    }
}
