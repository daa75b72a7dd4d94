//! The methods under test, and the conf line of each.

use std::path::Path;

use dsnap_testkit::site::{Builder, ZeoConfig};

/// A method that asks a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// XML-RPC to a Zope.
    Http,
    /// The protocol of ZEO.
    Zeo,
    /// A script that asks the server.
    Exec,
    /// The template, a library in a process of its own.
    Loaded,
}

impl Method {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Http, Self::Zeo, Self::Exec, Self::Loaded];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Zeo => "zeo",
            Self::Exec => "exec",
            Self::Loaded => "loaded",
        }
    }

    /// Gives a site the server that the method asks.
    pub(crate) fn prepare(self, site: Builder) -> Builder {
        match self {
            Self::Http => site,
            Self::Zeo => site.zopes(0).zeo(ZeoConfig::default()),
            Self::Exec | Self::Loaded => site.zopes(0),
        }
    }

    /// Writes the conf line for a server at this HOST:PORT.
    pub(crate) fn line(self, address: &str, script: &Path) -> String {
        match self {
            Self::Http => format!("http http://{address}/DSToolkit access\n"),
            Self::Zeo => format!("zeo {address}\n"),
            Self::Exec => {
                let port = address.rsplit(':').next().unwrap_or_default();
                format!("exec {} {port}\n", script.display())
            }
            Self::Loaded => format!("template {address}\n"),
        }
    }
}
