//! Users: the effective one, names for numbers, and what the system's database says of them.

use std::path::PathBuf;

use dsnap_core::text;
use nix::unistd::{self, Gid, Group, Uid, User};

use crate::system::groups;

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

/// Returns the name of a group, or the number of one that has no name.
pub(crate) fn group_name(gid: u32) -> String {
    match Group::from_gid(Gid::from_raw(gid)) {
        Ok(Some(group)) => text::harmless(group.name),
        _ => gid.to_string(),
    }
}

/// What the system's database says of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name, or the number of a user whom the database does not know.
    pub name: String,
    /// The home folder; `/` if the database does not know any.
    pub home: PathBuf,
}

/// Looks up a user.
pub fn account(uid: u32) -> Account {
    let known = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    let (name, home) = known.map_or_else(Default::default, |user| (user.name, user.dir));
    Account {
        name: if name.is_empty() { uid.to_string() } else { name },
        home: if home.is_absolute() { home } else { "/".into() },
    }
}

/// Returns `USER:GROUP` for `chown`, the group being the user's primary one.
pub(crate) fn user_and_group(uid: u32) -> String {
    let user = user_name(uid);
    let Ok(groups) = groups::of_user(Uid::from_raw(uid)) else { return user };
    format!("{user}:{}", group_name(groups.primary.as_raw()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_whom_the_database_does_not_know_has_a_number_and_no_home() {
        let root = Account { name: "root".to_owned(), home: "/root".into() };
        assert_eq!(account(0), root);
        let unknown = Account { name: "4000000000".to_owned(), home: "/".into() };
        assert_eq!(account(4_000_000_000), unknown);
    }
}
