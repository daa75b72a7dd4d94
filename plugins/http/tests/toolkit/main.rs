//! The method against scripted servers: a line, what the server answers, what the method says,
//! and what the server was asked.
//!
//! The answers have the form that a Zope 2.13 gave when it was recorded. Each connection brings
//! one call and gets one reply; no test sleeps or measures time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a scenario that goes wrong is to fail"
)]

mod enter;
mod interruption;
mod leave;
mod line;

mod status;
mod support;
mod tls;
