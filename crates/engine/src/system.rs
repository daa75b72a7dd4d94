//! What the operating system says and allows: privileges, users, locks, processes, mounts, trust.
//!
//! Nothing here knows a storage.

pub mod access;
pub mod credential_folder;
pub(crate) mod fdinfo;
pub mod flock;
pub mod folder;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod groups;
pub mod lock_holders;
pub(crate) mod modes;
pub(crate) mod mounts;
pub mod named_file;
mod open;
mod ownership;
pub mod privileges;
pub mod process;
pub(crate) mod reading;
pub mod real_user;
pub mod trust;
pub mod users;
pub(crate) mod walk;
