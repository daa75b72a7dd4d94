//! The simulated site: every state that `misc/snapshot` and the locks can be in, and the answers
//! of a real Zope, byte for byte. dsnap itself is not used here.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod answers;
mod connection;
mod recorded;
mod server;
