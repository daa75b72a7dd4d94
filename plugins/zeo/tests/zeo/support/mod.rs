//! What the scenarios share.

pub(crate) mod conf_line;
pub(crate) mod pickles;
pub(crate) mod server;
pub(crate) mod session;
