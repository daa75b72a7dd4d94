//! Scenarios of the method `http` with a scripted server. Each states the conf line, the server's
//! replies, the method's result and the calls that the server received.
//!
//! The replies have the form of recorded answers of a Zope 2.13. The server gets one call on each
//! connection and gives one reply. No test sleeps or measures time, and every wait has a limit.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a scenario that goes wrong must fail")]

mod enter;
mod interruption;
mod leave;
mod line;
mod question;
mod secrets;
mod status;
mod support;
#[cfg(feature = "tls")]
mod tls;
mod trace;
