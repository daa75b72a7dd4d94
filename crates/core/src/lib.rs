//! The contract of a snapshot method, and nothing else.
//!
//! [`method`] says what a method must do and what its caller owes it. [`abi`] is the same contract
//! as C types, from which `include/dsnap.h` is generated. [`Reason`] is how a method says why
//! something did not work, and [`text`] makes foreign text safe to print.
//!
//! Deliberately elsewhere: storages, `snapshot.conf` and the run (`dsnap-engine`), exporting a
//! method from a library (`dsnap-sdk`), and loading one (`dsnap-host`). The library of an author
//! carries this crate, so it has no dependencies.
#![forbid(unsafe_code)]

pub mod abi;
pub mod code;
pub mod method;
mod reason;
pub mod text;

pub use code::Code;
pub use method::SnapshotMethod;
pub use reason::Reason;

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
