//! The domain of dsnap: DirectoryStorage on disk, the contract of snapshot methods, and the run
//! that guarantees a fresh snapshot while a command runs.
//!
//! Begin with [`run`](run::run) for the order of a run, with [`method`] for the contract of a
//! method, with [`freshness`] for what may count as a snapshot, and with [`storage`] for the
//! directory.
//!
//! Deliberately elsewhere: what a method does (`plugins/`), which methods there are
//! (`dsnap-host`), and arguments, printing, the environment, starting COMMAND and exiting (the
//! program `dsnap`). This crate knows neither HTTP nor a command line nor a terminal; it never
//! prints, reads the environment or exits.
#![forbid(unsafe_code)]

mod asking;
pub mod attempt;
pub mod code;
pub mod conf;
pub mod context;
mod durability;
pub mod duration;
pub mod event;
pub mod exit;
pub mod format;
pub mod freshness;
pub mod guard;
pub mod holders;
pub mod identity;
pub mod job;
pub mod leave;
pub mod limits;
pub mod lock;
pub mod main_lock;
pub mod mark;
pub mod method;
pub mod modes;
pub mod mounts;
pub mod nested;
pub mod orphans;
pub mod own_lock;
pub mod plan;
pub mod reading;
pub mod record;
pub mod recover;
mod refusal;
pub mod rights;
pub mod run;
mod sealed;
pub mod settings;
pub mod storage;
pub mod text;
pub mod trust;
mod unknown;
mod unusable;

pub use code::Code;
pub use dsnap_abi as abi;
pub use format::Format;
pub use method::SnapshotMethod;
pub use refusal::{Refusal, Waiting};
pub use storage::Storage;
