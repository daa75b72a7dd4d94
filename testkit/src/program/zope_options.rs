//! The options of the Zopes of a simulated site.

use std::io;

use crate::site::{Builder, ZopeVersion};
use clap::{ArgAction, Args};

use super::choice::{on_or_off, one_of};

#[derive(Args)]
pub(crate) struct ZopeOptions {
    /// The number of Zopes
    #[arg(long, value_name = "N", default_value_t = 1)]
    zopes: usize,
    /// Answer like Zope 2.13 (zope2) or like Zope 4 to 6 (zope5)
    #[arg(long, value_name = "VERSION", default_value = "zope2")]
    #[arg(value_parser = one_of(ZopeVersion::ALL, ZopeVersion::name))]
    answers: ZopeVersion,
    /// Switch XML-RPC on or off; it is off by default in Zope 6, which otherwise answers like zope5
    #[arg(long, value_name = "on|off", default_value = "on")]
    #[arg(action = ArgAction::Set, value_parser = on_or_off())]
    xmlrpc: bool,
    /// Run the Zopes in debug mode: the faults of zope2 contain a traceback
    #[arg(long)]
    debug_mode: bool,
}

impl ZopeOptions {
    /// Applies the options to a site.
    ///
    /// # Errors
    ///
    /// The options contradict each other.
    pub(crate) fn set(&self, site: Builder) -> io::Result<Builder> {
        if !self.xmlrpc && self.answers == ZopeVersion::Zope2 {
            return Err(io::Error::other(
                "Zope 2 cannot switch XML-RPC off: --xmlrpc off needs --answers zope5",
            ));
        }
        let site = site.zopes(self.zopes).answers(self.answers);
        Ok(site.xmlrpc(self.xmlrpc).debug_mode(self.debug_mode))
    }
}
