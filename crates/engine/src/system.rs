//! What the operating system says and allows: privileges, users, locks, processes, mounts, trust.
//!
//! Nothing here knows a storage.

pub mod access;
pub(crate) mod fdinfo;
pub mod flock;
pub mod lock_holders;
pub mod modes;
pub(crate) mod mounts;
pub mod privileges;
pub mod process;
pub mod reading;
pub mod trust;
pub mod users;
