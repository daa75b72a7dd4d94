//! Groups, as the system's database has them: those of a user, and whether a group is one user's.
//!
//! Which group a file happens to have says nothing about what its owner may do.

use std::ffi::CString;
use std::fs;
use std::io::Read;

use nix::errno::Errno;
use nix::unistd::{self, Gid, Group, Uid, User};

use crate::limits::MAX_DATABASE_FILE;
use crate::system::reading;

/// The file of the database of users.
const DATABASE: &str = "/etc/passwd";

/// The groups of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Groups {
    pub(super) primary: Gid,
    /// All of them, the primary one among them.
    pub(super) all: Vec<Gid>,
}

/// Returns the groups of a user. One whom the database does not know has the overflow group alone:
/// the group of the storage is not given to its owner because it stands there.
///
/// # Errors
///
/// The database cannot be read.
pub(super) fn of_user(user: Uid) -> nix::Result<Groups> {
    let Some(known) = unknown_if_no_file(User::from_uid(user), DATABASE)? else {
        let overflow = overflow_group();
        return Ok(Groups { primary: overflow, all: vec![overflow] });
    };
    let name = CString::new(known.name).unwrap_or_default();
    Ok(Groups { primary: known.gid, all: unistd::getgrouplist(&name, known.gid)? })
}

/// Takes an answer of the database. An empty container image has no `file`, so it knows nobody. Other
/// sources of the database may give the same error, and then the user is not known to be unknown.
fn unknown_if_no_file(answer: nix::Result<Option<User>>, file: &str) -> nix::Result<Option<User>> {
    match answer {
        Err(Errno::ENOENT) if fs::exists(file).is_ok_and(|exists| !exists) => Ok(None),
        answer => answer,
    }
}

/// The group that stands for all groups that have no number here.
fn overflow_group() -> Gid {
    const USUAL: u32 = 65_534;
    let number = fs::read_to_string("/proc/sys/kernel/overflowgid").ok();
    Gid::from_raw(number.and_then(|it| it.trim().parse().ok()).unwrap_or(USUAL))
}

/// Says whether a group is a user's own: the user's primary group, of which the database names no
/// other member. Where every user has such a group, the umask is often 002.
pub(super) fn is_own_group_of(group: u32, user: u32) -> bool {
    let Ok(Some(known)) = User::from_uid(Uid::from_raw(user)) else { return false };
    let Ok(Some(members)) = Group::from_gid(Gid::from_raw(group)) else { return false };
    known.gid == members.gid
        && members.mem.iter().all(|member| *member == known.name)
        && !is_primary_group_of_others(group, user)
}

/// Looks for other users who have the group as their primary one, which its own entry does not
/// name. Only the file can be listed: a directory service often refuses that.
fn is_primary_group_of_others(group: u32, user: u32) -> bool {
    let mut users = Vec::new();
    let file = reading::open(DATABASE.as_ref());
    let read = file.and_then(|file| file.take(MAX_DATABASE_FILE).read_to_end(&mut users));
    read.is_err() || users.split(|byte| *byte == b'\n').any(|line| has_group(line, group, user))
}

/// Says whether a line of `/etc/passwd` is that of another user with this primary group.
fn has_group(line: &[u8], group: u32, user: u32) -> bool {
    let mut fields = line.split(|byte| *byte == b':').skip(2);
    let mut number = || str::from_utf8(fields.next()?).ok()?.parse::<u32>().ok();
    matches!((number(), number()), (Some(its_user), Some(its_group)) if its_user != user && its_group == group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_whom_the_database_does_not_know_has_the_overflow_group_alone() {
        let groups = of_user(Uid::from_raw(54_321)).unwrap();
        assert_eq!(groups.all, [groups.primary]);
        assert_eq!(groups.primary, overflow_group());
        assert!(!is_own_group_of(groups.primary.as_raw(), 54_321));
    }

    #[test]
    fn a_database_without_a_file_knows_nobody_and_one_that_fails_is_an_error() {
        let absent = "/no/such/passwd";
        assert!(matches!(unknown_if_no_file(Err(Errno::ENOENT), absent), Ok(None)));
        assert!(matches!(unknown_if_no_file(Err(Errno::EIO), absent), Err(Errno::EIO)));
        assert!(matches!(unknown_if_no_file(Err(Errno::ENOENT), DATABASE), Err(Errno::ENOENT)));
        let root = unknown_if_no_file(User::from_uid(Uid::from_raw(0)), absent).unwrap();
        assert_eq!(root.unwrap().name, "root");
    }

    #[test]
    fn root_has_the_groups_of_the_database() {
        let groups = of_user(Uid::from_raw(0)).unwrap();
        assert_eq!(groups.primary.as_raw(), 0);
        assert!(groups.all.contains(&groups.primary));
        assert!(is_own_group_of(0, 0));
        assert!(!is_own_group_of(1, 0));
    }

    #[test]
    fn another_user_with_the_same_primary_group_is_found() {
        let line = b"zope:x:70:71:Zope:/srv:/bin/sh";
        assert!(has_group(line, 71, 5));
        assert!(!has_group(line, 71, 70));
        assert!(!has_group(line, 70, 5));
        assert!(!has_group(b"# a comment", 71, 5));
    }
}
