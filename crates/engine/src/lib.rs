//! The domain of dsnap: DirectoryStorage on disk, `snapshot.conf`, what outlives a process, and
//! the run that guarantees a fresh snapshot while COMMAND runs.
//!
//! Begin with [`run`] for the order of a run, with `storage::freshness` for which snapshot
//! counts as fresh, and with [`storage`] for the directory.
//!
//! Deliberately elsewhere: the contract of a method (`dsnap-core`), what a method does
//! (`plugins/`), which methods exist (`dsnap-host`), and arguments, printing, the environment,
//! starting COMMAND and exiting (the program `dsnap`). This crate knows neither HTTP nor a command
//! line nor a terminal. It never prints, reads the environment or exits.
#![forbid(unsafe_code)]

pub mod conf;
pub mod diagnosis;
pub mod durations;
pub mod exit_status;
mod failure;
pub mod limits;
pub mod quoting;
pub mod record;
pub mod run;
pub mod server;
pub mod storage;
pub mod system;

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
