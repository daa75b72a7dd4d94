//! The servers of a site, each by its name: one of them can be stopped, crashed and started again,
//! while the others run.
//!
//! A Zope that is stopped alone leaves the storage open, because the process behind it has it open.

use std::fmt;
use std::io;

use super::zope_process::{End, ZopeProcess};
use super::{FaultSpec, Site};

/// One of the servers of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerName {
    /// The Zope with this number, from 0. Its name is `zope1` for the first one.
    Zope(usize),
}

impl ServerName {
    /// Tells whether a word is meant as the name of a server, although there may be none of it.
    pub(crate) fn is_meant_by(word: &str) -> bool {
        word.starts_with("zope")
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zope(number) => write!(f, "zope{}", number + 1),
        }
    }
}

impl Site {
    /// Returns the servers that can be stopped and started alone.
    pub fn servers(&self) -> Vec<ServerName> {
        (0..self.zopes.len()).map(ServerName::Zope).collect()
    }

    /// Finds the server of that name.
    ///
    /// # Errors
    ///
    /// The site has no such server. The text lists the names.
    pub fn server_named(&self, name: &str) -> io::Result<ServerName> {
        let found = self.servers().into_iter().find(|server| server.to_string() == name);
        found.ok_or_else(|| self.no_server(name))
    }

    fn no_server(&self, name: &str) -> io::Error {
        let names: Vec<_> = self.servers().iter().map(ServerName::to_string).collect();
        let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        let text = format!("this site has no server `{name}`; what it has: {names}");
        io::Error::new(io::ErrorKind::NotFound, text)
    }

    /// Stops one server, if it runs: it answers the calls in progress first.
    ///
    /// # Errors
    ///
    /// The site has no such server.
    pub fn stop(&self, server: ServerName) -> io::Result<()> {
        self.end(server, End::Stop)
    }

    /// Ends one server at once, if it runs: all its connections close.
    ///
    /// # Errors
    ///
    /// The site has no such server.
    pub fn crash(&self, server: ServerName) -> io::Result<()> {
        self.end(server, End::Crash)
    }

    /// Starts one server on the same port, unless it runs.
    ///
    /// # Errors
    ///
    /// The site has no such server, or the port cannot be used.
    pub fn start(&self, server: ServerName) -> io::Result<()> {
        match server {
            ServerName::Zope(number) => self.zope(number)?.start(self.runtime()?),
        }
    }

    /// Adds a fault at one server.
    ///
    /// # Errors
    ///
    /// The site has no such server.
    pub fn add_fault_at(&self, server: ServerName, spec: FaultSpec) -> io::Result<()> {
        match server {
            ServerName::Zope(number) => {
                self.zope(number)?.faults().add(spec.fault, spec.call, spec.times);
            }
        }
        Ok(())
    }

    /// Removes the faults of one server.
    ///
    /// # Errors
    ///
    /// The site has no such server.
    pub fn no_faults_at(&self, server: ServerName) -> io::Result<()> {
        match server {
            ServerName::Zope(number) => self.zope(number)?.faults().clear(),
        }
        Ok(())
    }

    fn end(&self, server: ServerName, how: End) -> io::Result<()> {
        match server {
            ServerName::Zope(number) => self.zope(number)?.end(self.runtime()?, how),
        }
        Ok(())
    }

    fn zope(&self, number: usize) -> io::Result<&ZopeProcess> {
        let name = || ServerName::Zope(number).to_string();
        self.zopes.get(number).ok_or_else(|| self.no_server(&name()))
    }
}
