//! Scenarios of the method `zeo` with a scripted server. Each states the words of the line, what the
//! server does, the method's result and the calls that the server received.
//!
//! The replies have the form of recorded ones. No test sleeps, and every wait has a limit.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a scenario that goes wrong must fail")]

mod connecting;
mod enter;
mod fuzz;
mod hostile;
mod leave;
mod login;
mod support;
mod trace;
