//! The options for the ZEO server of a simulated site.

use crate::site::{Builder, ZeoAccount, ZeoConfig, ZeoVersion};
use clap::Args;

use super::choice::one_of;

#[derive(Args)]
pub(crate) struct ZeoOptions {
    /// Put a ZEO server that announces VERSION [default: Z3101] between the storage and the Zopes
    #[arg(long = "zeo", value_name = "VERSION", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "Z3101", value_parser = one_of(ZeoVersion::ALL, ZeoVersion::name))]
    version: Option<ZeoVersion>,
    /// Make the ZEO server listen on a Unix socket instead of a port
    #[arg(long = "zeo-socket", requires = "version")]
    socket: bool,
    /// Make the ZEO server ask for the password in the file config/zeo-access of the storage
    #[arg(long = "zeo-password", requires = "version")]
    password: bool,
}

impl ZeoOptions {
    /// Applies the options to a site.
    pub(crate) fn set(&self, site: Builder) -> Builder {
        match self.config() {
            Some(config) => site.zeo(config),
            None => site,
        }
    }

    /// Returns how the ZEO server is configured, if the site has one.
    pub(crate) fn config(&self) -> Option<ZeoConfig> {
        let authentication = self.password.then(ZeoAccount::default);
        self.version.map(|version| ZeoConfig { version, unix: self.socket, authentication })
    }
}
