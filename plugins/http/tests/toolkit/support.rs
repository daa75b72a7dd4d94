//! What the scenarios share: a scripted server, its replies and certificates, conf lines and callers,
//! and waiting with a limit.

pub(crate) mod certificates;
pub(crate) mod conf_line;
pub(crate) mod replies;
pub(crate) mod server;

pub(crate) mod wait;
