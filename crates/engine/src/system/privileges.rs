//! The privileges with which a run works: those of the caller, or those of the storage's owner.
//!
//! If root runs the program on a storage of another user, everything but COMMAND is done with that
//! user's privileges. New files then belong to the owner, and a symbolic link leads nowhere that the
//! owner could not go. Only effective ids, groups and capabilities change, in all threads of the
//! process. The real ids stay root's, so that COMMAND can have them back.

use std::fs::Metadata;
use std::path::Path;

use dsnap_core::{Reason, text};
use nix::errno::Errno;
use nix::unistd::{self, Gid, Uid};

use crate::system::groups;
use crate::system::ownership::{self, Identity, NotJudged, Ownership};
use crate::system::users::user_name;

/// The privileges with which a run works.
#[derive(Debug, Default)]
pub struct Privileges {
    /// Root's ids, if root runs the program and could take others.
    root: Option<Ids>,
    /// Those of the storage's owner, if root steps back.
    owner: Option<Ids>,
    /// Present if root judged whose storage it is.
    judged: Option<Ownership>,
}

/// Effective ids.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ids {
    user: Uid,
    group: Gid,
    groups: Vec<Gid>,
}

impl Privileges {
    /// Chooses the privileges for the storage in `dir`, whose main folder is called `main`: the
    /// caller's, or the owner's if the caller is root and the owner is not. Changes nothing yet.
    ///
    /// # Errors
    ///
    /// Whose storage it is cannot be told, because somebody else could have exchanged a folder; or
    /// the owner's groups cannot be looked up.
    pub fn of_owner(dir: &Path, main: &str) -> Result<Self, Reason> {
        if !unistd::geteuid().is_root() || ownership::is_only_user() {
            return Ok(Self::default());
        }
        let root = Ids::own().map_err(|error| no_groups(0, error))?;
        match Ownership::judge(dir, main) {
            Ok(ownership) => {
                let owner = Some(ownership.owner).filter(|owner| *owner != 0);
                let owner = owner.map(Ids::of).transpose()?;
                Ok(Self { root: Some(root), owner, judged: Some(ownership) })
            }
            // What is wrong is said where the storage is opened.
            Err(NotJudged::Absent) => Ok(Self { root: Some(root), ..Self::default() }),
            Err(NotJudged::Closed(0, blocked)) => Err(ownership::closed(dir, &blocked)),
            Err(NotJudged::Closed(user, _)) => Self::of_user_who_can_look(dir, main, user, root),
            Err(NotJudged::Refused(reason)) => Err(reason),
        }
    }

    /// Chooses the privileges of `user` where root may not look (NFS with `root_squash`). The
    /// storage must be theirs.
    fn of_user_who_can_look(dir: &Path, main: &str, user: u32, root: Ids) -> Result<Self, Reason> {
        let owner = Ids::of(user)?;
        owner.assume()?;
        let judged = Ownership::judge(dir, main);
        root.assume()?;
        let (root, owner) = (Some(root), Some(owner));
        match judged {
            Ok(ownership) if ownership.owner == user => {
                Ok(Self { root, owner, judged: Some(ownership) })
            }
            Ok(ownership) => Err(Reason::new(format!(
                "{} is in a folder of {}, where root may not look, but belongs to {}",
                text::path(dir),
                user_name(user),
                user_name(ownership.owner)
            ))
            .hint(format!("run dsnap as {}", user_name(ownership.owner)))),
            Err(NotJudged::Absent) => Ok(Self { root, owner, judged: None }),
            Err(NotJudged::Closed(_, blocked)) => Err(ownership::closed(dir, &blocked)),
            Err(NotJudged::Refused(reason)) => Err(reason),
        }
    }

    /// Makes these privileges effective for everything that follows.
    ///
    /// # Errors
    ///
    /// The system does not let this process change its ids, or leaves it some of root's privileges.
    pub fn lower(&self) -> Result<(), Reason> {
        self.owner.as_ref().map_or(Ok(()), Ids::assume)
    }

    /// Does something with these privileges, and then takes back those that were in effect before: a
    /// run with several storages works on each with its own owner's.
    ///
    /// # Panics
    ///
    /// The system does not let this process take ids that it has had before. Going on with others
    /// would give the owner of one storage power over another one.
    pub fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        let Some(root) = &self.root else { return work() };
        let these = self.owner.as_ref().unwrap_or(root);
        let _back = match Ids::own() {
            Ok(before) if before.sorted() == these.sorted() => return work(),
            before => Back(before.ok()),
        };
        if let Err(reason) = these.assume() {
            panic!("{reason}");
        }
        work()
    }

    /// Checks that these are the storage directory and the main folder that were judged.
    ///
    /// # Errors
    ///
    /// They were exchanged since.
    pub(crate) fn check_judged(&self, storage: &Metadata, main: &Metadata) -> Result<(), Reason> {
        let Some(judged) = &self.judged else {
            let expected = unistd::getuid().is_root() && !ownership::is_only_user();
            return if expected { Err(exchanged()) } else { Ok(()) };
        };
        if (judged.storage, judged.main) == (Identity::of(storage), Identity::of(main)) {
            return Ok(());
        }
        Err(exchanged())
    }

    /// Says whether root judged whose storage it is, so that root's power is at stake.
    pub(crate) fn are_judged(&self) -> bool {
        self.judged.is_some()
    }

    /// Says what others could do with folders above the storage.
    pub(crate) fn warnings(&self) -> &[Reason] {
        self.judged.as_ref().map_or(&[], |judged| &judged.warnings)
    }

    /// Does something with the privileges that the program was started with.
    pub fn with_caller_privileges<T>(&self, work: impl FnOnce() -> T) -> T {
        let (Some(root), Some(owner)) = (&self.root, &self.owner) else { return work() };
        let raised = root.assume();
        let result = work();
        if raised.is_ok() {
            // Going back to ids that this process had a moment ago does not fail.
            let _ = owner.assume();
        }
        result
    }

    /// Takes back the privileges that the program was started with: it is done with the storage.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn restore(&self) -> Result<(), Reason> {
        let root = self.root.as_ref().filter(|_| self.owner.is_some());
        root.map_or(Ok(()), Ids::assume)
    }

    /// Says whether root steps back.
    pub fn are_lowered(&self) -> bool {
        self.owner.is_some()
    }
}

/// Takes these ids when it is dropped, also while a panic unwinds.
struct Back(Option<Ids>);

impl Drop for Back {
    fn drop(&mut self) {
        // Going back to ids that this process had a moment ago does not fail.
        let _ = self.0.as_ref().map(Ids::assume);
    }
}

fn exchanged() -> Reason {
    Reason::new("a folder of the storage was exchanged while dsnap looked at it")
        .hint("find out who renames folders there, then run again")
}

fn no_groups(user: u32, error: nix::Error) -> Reason {
    let error = text::error(&std::io::Error::from(error));
    Reason::new(format!("the groups of {} cannot be found out: {error}", user_name(user)))
}

impl Ids {
    fn of(user: u32) -> Result<Self, Reason> {
        let failed = |error| no_groups(user, error);
        let groups = groups::of_user(Uid::from_raw(user)).map_err(failed)?;
        Ok(Self { user: Uid::from_raw(user), group: groups.primary, groups: groups.all })
    }

    fn own() -> nix::Result<Self> {
        // `nix` would read the largest possible number of groups from /proc first.
        let groups =
            rustix::process::getgroups().map_err(|error| Errno::from_raw(error.raw_os_error()))?;
        let groups = groups.into_iter().map(|group| Gid::from_raw(group.as_raw())).collect();
        Ok(Self { user: unistd::geteuid(), group: unistd::getegid(), groups })
    }

    /// Makes these the effective ids of every thread, and checks that they are.
    fn assume(&self) -> Result<(), Reason> {
        let refused = |error: &dyn std::fmt::Display| {
            let (user, error) = (user_name(self.user.as_raw()), text::error(error));
            Reason::new(format!("cannot take the privileges of {user}: {error}"))
        };
        self.set().map_err(|error| refused(&error))?;
        let own = Self::own().map_err(|error| refused(&error))?;
        if own.sorted() != self.sorted() {
            return Err(refused(&"the system keeps other ids"));
        }
        let left = rustix::thread::capabilities(None).map_err(|error| refused(&error))?.effective;
        if !self.user.is_root() && !left.is_empty() {
            return Err(refused(
                &"the system keeps capabilities of root (see securebits in capabilities(7))",
            )
            .hint("start dsnap without the securebits `no_setuid_fixup` and `keep_caps`"));
        }
        Ok(())
    }

    /// Sets the ids. Root's user id is taken first and given up last, because only root may change
    /// the others.
    fn set(&self) -> nix::Result<()> {
        unistd::seteuid(Uid::from_raw(0))?;
        unistd::setgroups(&self.groups)?;
        unistd::setegid(self.group)?;
        unistd::seteuid(self.user)
    }

    fn sorted(&self) -> Self {
        let mut groups = self.groups.clone();
        groups.sort_by_key(|group| group.as_raw());
        groups.dedup();
        Self { groups, ..self.clone() }
    }
}
