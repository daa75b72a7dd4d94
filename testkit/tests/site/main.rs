//! The simulated site: every state of `misc/snapshot` and of the locks, and the answers of a real
//! Zope and of real ZEO servers, byte for byte. These tests do not run dsnap itself.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod answers;
mod connection;
#[path = "../support/parallel.rs"]
mod parallel;
mod recorded;
mod server;
mod support;
mod through_zeo;
mod zeo;
mod zeo_client;
mod zeo_faults;
mod zopes;
