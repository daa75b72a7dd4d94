//! Users: the effective one, and names for numbers.

use dsnap_core::text;
use nix::unistd::{self, Uid, User};

/// Returns the id of the user that this process acts as now.
pub fn effective_user() -> u32 {
    unistd::geteuid().as_raw()
}

/// Returns the name of a user, or the number of one that has no name.
pub fn user_name(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => text::harmless(user.name),
        _ => uid.to_string(),
    }
}
