//! What the scenarios share: a scripted server, its replies, and a line with somebody who calls the
//! method.

pub(crate) mod replies;
pub(crate) mod server;
pub(crate) mod stage;
