//! `misc/dsnap.lock`: the lock of a run, and what runs write down so that a later one can act.

mod checksummed;
pub mod entry;
pub mod evidence;
mod identity_fields;
pub mod run_lock;

#[cfg(test)]
mod properties;
