//! Which Zope a site has, and how it is configured.

/// The Zope whose answers are simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ZopeVersion {
    /// Zope 2.13 with ZServer: an exception is a fault.
    #[default]
    Zope2,
    /// Zope 5 with waitress: an exception is a 500 without a reason. Zope 4 and 6 answer likewise.
    Zope5,
}

impl ZopeVersion {
    /// All versions.
    pub const ALL: [Self; 2] = [Self::Zope2, Self::Zope5];

    /// Returns the name on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zope2 => "zope2",
            Self::Zope5 => "zope5",
        }
    }
}

/// How the Zopes of a site are configured.
#[derive(Debug, Clone, Copy)]
pub(super) struct ZopeConfig {
    pub(super) version: ZopeVersion,
    /// The faults of Zope 2 contain a traceback.
    pub(super) debug_mode: bool,
    /// XML-RPC is on. Zope 6 has a switch for it, which is off by default.
    pub(super) xmlrpc: bool,
}

impl Default for ZopeConfig {
    fn default() -> Self {
        Self { version: ZopeVersion::default(), debug_mode: false, xmlrpc: true }
    }
}
