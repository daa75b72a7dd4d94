//! Scenarios of a run: the order of things, and that the snapshot is left whatever happens.
//!
//! The methods are scripted and the storage is a bare one; locks and files are real. Every actor
//! writes into one journal, and a scenario states the whole of it. What the linked methods do to
//! real storages is tested with the program, in `crates/cli/tests`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a scenario that goes wrong is to fail"
)]

mod accepting;
mod closed;
mod elsewhere;
mod freshness;
mod leaving;
mod orphans;
mod retrying;
mod support;
mod unknown;
