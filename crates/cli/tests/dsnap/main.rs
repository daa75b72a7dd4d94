//! Scenarios of the program, on storages as DirectoryStorage leaves them.
//!
//! One module a chapter of what the tool promises. A scenario states the status and both
//! streams; silence is what is expected by default. The order of a run under methods that hold
//! the storage is played in `crates/core/tests`, the comparison with the original is
//! `cargo xtask interop`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a scenario that goes wrong is to fail"
)]
#![allow(clippy::disallowed_methods, reason = "scenarios start the program, and others beside it")]

mod authors;
mod bad_input;
mod command;
mod command_line;
mod conf;
mod freshness;
mod guide;
mod http;
mod in_use;
mod isolation;
mod labels;
mod listing;
mod nested;
mod orphans;
mod output;
mod recovery;
mod rights;
mod signals;
mod support;
mod terminal;
mod traitors;
mod trust;
mod unanswered;
mod villains;
