//! Fuzzing: arbitrary bytes for everything that dsnap reads and others can write.
//!
//! A *target* is a function that takes bytes and panics if a property does not hold. `targets` has one file
//! for each. The same functions run in two ways:
//!
//! - In every `cargo test`, with the inputs in `corpus/` and with a fixed number of random ones (`replay`).
//! - Under libFuzzer, for as long as you like: `cargo xtask fuzz` (`main.rs`).
//!
//! Properties of well-formed values are tested beside the code, in files named `properties.rs`.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a target reports by a panic")]

pub mod corpus;
#[cfg(test)]
mod mutation;
#[cfg(test)]
mod replay;
mod shown;
pub mod target;
pub mod targets;
