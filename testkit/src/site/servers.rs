//! The servers of a site, each by its name: one of them can be stopped, crashed and started again,
//! while the others run.
//!
//! One of them has the storage open: the ZEO server, if there is one; otherwise a process behind the
//! Zopes. So a Zope that is stopped alone leaves the storage open.

use std::fmt;
use std::io;

use super::faults::{ActiveFaults, Call, Fault, ServerKind};
use super::zeo::Zeo;
use super::zope_process::{End, ZopeProcess};
use super::{FaultSpec, Site};

/// One of the servers of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerName {
    /// The Zope with this number, from 0. Its name is `zope1` for the first one.
    Zope(usize),
    /// The ZEO server. Its name is `zeo`.
    Zeo,
}

impl ServerName {
    /// Tells whether a word looks like the name of a server. The site may have no such server.
    pub(crate) fn is_meant_by(word: &str) -> bool {
        word.starts_with("zope") || word == "zeo"
    }

    fn kind(self) -> ServerKind {
        match self {
            Self::Zope(_) => ServerKind::Zope,
            Self::Zeo => ServerKind::Zeo,
        }
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zope(number) => write!(f, "zope{}", number + 1),
            Self::Zeo => f.write_str("zeo"),
        }
    }
}

/// The server that has the storage open.
impl Site {
    /// Starts the server that has the storage open, unless it runs.
    ///
    /// # Errors
    ///
    /// Another server has the storage open, or a file cannot be written.
    pub fn start_server(&self) -> io::Result<()> {
        self.zeo.as_ref().map_or_else(|| self.backend.start(), |zeo| zeo.start())
    }

    /// Stops the server that has the storage open cleanly, if it runs. A ZEO server closes its socket
    /// and all connections first. The Zopes run on.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn stop_server(&self) -> io::Result<()> {
        match &self.zeo {
            Some(zeo) => zeo.stop(),
            None => self.backend.take_server().map_or(Ok(()), |server| server.stop()),
        }
    }

    /// Ends the server that has the storage open at once. The Zopes run on.
    pub fn crash_server(&self) {
        match &self.zeo {
            Some(zeo) => zeo.crash(),
            None => drop(self.backend.take_server().map(|server| server.crash())),
        }
    }
}

/// Each server alone.
impl Site {
    /// Returns the servers that can be stopped and started alone.
    pub fn servers(&self) -> Vec<ServerName> {
        let zopes = (0..self.zopes.len()).map(ServerName::Zope);
        zopes.chain(self.zeo.iter().map(|_| ServerName::Zeo)).collect()
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
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let text = format!("this site has no server `{name}`; its servers: {names}");
        io::Error::new(io::ErrorKind::NotFound, text)
    }

    /// Stops one server cleanly, if it runs. A Zope answers the calls in progress first.
    ///
    /// # Errors
    ///
    /// The site has no such server, or a file cannot be written.
    pub fn stop(&self, server: ServerName) -> io::Result<()> {
        match server {
            ServerName::Zope(number) => self.end_zope(number, End::Stop),
            ServerName::Zeo => self.the_zeo()?.stop(),
        }
    }

    /// Ends one server at once, if it runs: all its connections close.
    ///
    /// # Errors
    ///
    /// The site has no such server.
    pub fn crash(&self, server: ServerName) -> io::Result<()> {
        match server {
            ServerName::Zope(number) => self.end_zope(number, End::Crash),
            ServerName::Zeo => self.the_zeo().map(Zeo::crash),
        }
    }

    /// Starts one server at the same address, unless it runs.
    ///
    /// # Errors
    ///
    /// The site has no such server, or its address or the storage cannot be used.
    pub fn start(&self, server: ServerName) -> io::Result<()> {
        match server {
            ServerName::Zope(number) => self.zope(number)?.start(self.runtime()?),
            ServerName::Zeo => self.the_zeo()?.start(),
        }
    }

    fn end_zope(&self, number: usize, how: End) -> io::Result<()> {
        self.zope(number)?.end(self.runtime()?, how);
        Ok(())
    }

    fn zope(&self, number: usize) -> io::Result<&ZopeProcess> {
        let name = || ServerName::Zope(number).to_string();
        self.zopes.get(number).ok_or_else(|| self.no_server(&name()))
    }

    fn the_zeo(&self) -> io::Result<&Zeo> {
        self.zeo.as_deref().ok_or_else(|| self.no_server(&ServerName::Zeo.to_string()))
    }
}

/// Faults.
impl Site {
    /// Adds a fault at the Zope with this number (from 0), or at every Zope: for one kind of call
    /// or for all, for a number of times or for good.
    pub fn fault(
        &self,
        zope: Option<usize>,
        fault: Fault,
        call: Option<Call>,
        times: Option<usize>,
    ) {
        for (number, each) in self.zopes.iter().enumerate() {
            if zope.is_none_or(|zope| zope == number) {
                each.faults().add(fault, call, times);
            }
        }
    }

    /// Adds a fault at the ZEO server, if the site has one.
    pub fn zeo_fault(&self, fault: Fault, call: Option<Call>, times: Option<usize>) {
        if let Some(zeo) = &self.zeo {
            zeo.faults().add(fault, call, times);
        }
    }

    /// Adds a fault at every server to which it applies.
    ///
    /// # Errors
    ///
    /// The site has no such server.
    pub fn add_fault(&self, spec: FaultSpec) -> Result<(), String> {
        let FaultSpec { fault, call, times, .. } = spec;
        let (zopes, zeo) = (spec.is_for(ServerKind::Zope), spec.is_for(ServerKind::Zeo));
        let has_one = zopes && !self.zopes.is_empty() || zeo && self.zeo.is_some();
        if !has_one {
            return Err("this site has no server that can have this fault".to_owned());
        }
        if zopes {
            self.fault(None, fault, call, times);
        }
        if zeo {
            self.zeo_fault(fault, call, times);
        }
        Ok(())
    }

    /// Adds a fault at one server.
    ///
    /// # Errors
    ///
    /// The site has no such server, or it cannot have this fault.
    pub fn add_fault_at(&self, server: ServerName, spec: FaultSpec) -> io::Result<()> {
        let FaultSpec { fault, call, times, .. } = spec;
        if !spec.is_for(server.kind()) {
            return Err(io::Error::other(format!("{server} cannot have this fault")));
        }
        match server {
            ServerName::Zope(number) => self.zope(number)?.faults().add(fault, call, times),
            ServerName::Zeo => self.the_zeo()?.faults().add(fault, call, times),
        }
        Ok(())
    }

    /// Tells whether a call got one of the faults.
    pub fn has_met_fault(&self) -> bool {
        let mut zopes = self.zopes.iter().map(|zope| zope.faults());
        zopes.any(ActiveFaults::was_met)
            || self.zeo.as_ref().is_some_and(|zeo| zeo.faults().was_met())
    }

    /// Removes all faults.
    pub fn no_faults(&self) {
        self.zopes.iter().for_each(|zope| zope.faults().clear());
        self.zeo.iter().for_each(|zeo| zeo.faults().clear());
    }

    /// Removes the faults of one server.
    ///
    /// # Errors
    ///
    /// The site has no such server.
    pub fn no_faults_at(&self, server: ServerName) -> io::Result<()> {
        match server {
            ServerName::Zope(number) => self.zope(number)?.faults().clear(),
            ServerName::Zeo => self.the_zeo()?.faults().clear(),
        }
        Ok(())
    }
}
