//! `misc/dsnap.lock`: the lock of a run, and what runs write down so that a later one can act.

mod checksummed;
pub(crate) mod contents;
pub mod entry;
pub mod evidence;
mod identity_fields;
mod last_run;
pub mod run_lock;
pub mod run_record;

pub use crate::record::last_run::LastRun;

/// The name of the file in `misc/`.
pub const FILE: &str = "dsnap.lock";

#[cfg(test)]
mod properties;
