//! Scenarios of a run: its order, and that it leaves the snapshot on every way out.
//!
//! The methods are scripted and the storage is empty; locks and files are real. Methods and
//! program write into one journal, and a scenario states all of it. What the linked methods do to
//! real storages is tested with the program, in `crates/cli/tests`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a scenario fails")]

mod accepting;
mod closed;
mod elsewhere;
mod freshness;
mod holding;
mod leaving;
mod leaving_again;
mod orphans;
mod retrying;
mod several;
mod several_left;
mod support;
mod unknown;
