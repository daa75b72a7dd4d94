//! The privileges with which a run works: those of the caller, or those of the storage's owner.
//!
//! If root runs the program on a storage of another user, everything but COMMAND is done with that
//! user's privileges. New files then belong to the owner, and a symbolic link leads nowhere that the
//! owner could not go. Only effective ids change, in all threads of the process. The real ids stay
//! root's, so that COMMAND can have them back.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use dsnap_core::{Reason, text};
use nix::unistd::{self, Gid, Uid, User};

use crate::system::users::user_name;

/// The privileges with which a run works.
#[derive(Debug)]
pub struct Privileges {
    /// Present if root steps back.
    lowered: Option<Lowered>,
}

/// Root's ids, and those of the storage's owner.
#[derive(Debug)]
struct Lowered {
    root: Ids,
    owner: Ids,
}

/// Effective ids.
#[derive(Debug, Clone)]
struct Ids {
    user: Uid,
    group: Gid,
    groups: Vec<Gid>,
}

impl Privileges {
    /// Chooses the privileges for a storage whose main directory is `a`: the caller's, or the
    /// owner's if the caller is root and the owner is not. Changes nothing yet.
    ///
    /// # Errors
    ///
    /// `a` is a link and its target belongs to another user, or the owner's groups cannot be looked
    /// up.
    pub fn of_owner(a: &Path) -> Result<Self, Reason> {
        let unreadable = |error: io::Error| Reason::new(format!("{}: {error}", text::path(a)));
        let entry = fs::symlink_metadata(a).map_err(unreadable)?;
        let target = fs::metadata(a).map_err(unreadable)?;
        if !unistd::geteuid().is_root() || (entry.uid() == 0 && target.uid() == 0) {
            return Ok(Self { lowered: None });
        }
        if entry.uid() != target.uid() {
            let (link, at) = (user_name(entry.uid()), user_name(target.uid()));
            let what = format!("{} is a link of {link} to a folder of {at}", text::path(a));
            return Err(Reason::new(what).hint("give link and folder the same owner (chown -h)"));
        }
        let (user, group) = (Uid::from_raw(target.uid()), Gid::from_raw(target.gid()));
        let lowered = Ids::own()
            .and_then(|root| Ids::of_owner(user, group).map(|owner| Lowered { root, owner }));
        let failed =
            |error| Reason::new(format!("the groups of the owner cannot be found out: {error}"));
        Ok(Self { lowered: Some(lowered.map_err(failed)?) })
    }

    /// Makes these privileges effective for everything that follows.
    ///
    /// # Errors
    ///
    /// The system does not let this process change its ids.
    pub fn lower(&self) -> Result<(), Reason> {
        let Some(Lowered { owner, .. }) = &self.lowered else { return Ok(()) };
        owner.assume().map_err(|error| {
            let owner = user_name(owner.user.as_raw());
            Reason::new(format!(
                "cannot take the privileges of {owner}, who owns the storage: {error}"
            ))
        })
    }

    /// Does something with the privileges that the program was started with.
    pub fn with_caller_privileges<T>(&self, work: impl FnOnce() -> T) -> T {
        let Some(Lowered { root, owner }) = &self.lowered else { return work() };
        let raised = root.assume();
        let result = work();
        if raised.is_ok() {
            // Going back to ids that this process had a moment ago does not fail.
            let _ = owner.assume();
        }
        result
    }

    /// Says whether root steps back.
    pub fn are_lowered(&self) -> bool {
        self.lowered.is_some()
    }
}

/// Looks at other processes, or sends a signal, as the user who started the program: with lowered
/// privileges, `/proc` does not show which files root's processes have open, and a process that
/// became another user gets no signal. `look` must do nothing else.
pub fn as_real_user<T>(look: impl FnOnce() -> T) -> T {
    let lowered = unistd::geteuid();
    let raised = unistd::getuid() != lowered && unistd::seteuid(unistd::getuid()).is_ok();
    let result = look();
    if raised {
        // As above: this process had that id a moment ago.
        let _ = unistd::seteuid(lowered);
    }
    result
}

impl Ids {
    fn own() -> nix::Result<Self> {
        Ok(Self { user: unistd::geteuid(), group: unistd::getegid(), groups: unistd::getgroups()? })
    }

    /// The ids of the user who owns `A/`, with the group of `A/` and those that the system gives the
    /// user.
    fn of_owner(user: Uid, group: Gid) -> nix::Result<Self> {
        let groups = match User::from_uid(user)? {
            Some(known) => {
                unistd::getgrouplist(&CString::new(known.name).unwrap_or_default(), known.gid)?
            }
            None => vec![group],
        };
        Ok(Self { user, group, groups })
    }

    /// Makes these the effective ids of every thread. Root's user id is taken first and given up
    /// last, because only root may change the others.
    fn assume(&self) -> nix::Result<()> {
        unistd::seteuid(Uid::from_raw(0))?;
        unistd::setgroups(&self.groups)?;
        unistd::setegid(self.group)?;
        unistd::seteuid(self.user)
    }
}
