//! With whose rights things are done.
//!
//! Run by root on a storage that belongs to somebody else, everything but COMMAND is done with
//! the rights of the owner of `A/`: what is created belongs to the owner, and a symbolic link
//! leads nowhere that the owner could not go. Only the effective ids change, in all threads of
//! the process; the real ones stay root's, so that COMMAND can have them back.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use dsnap_core::{Reason, text};
use nix::unistd::{self, Gid, Uid, User};
use rustix::fs::{Access, AtFlags, CWD};

use crate::quoting;
use crate::storage::Storage;
use crate::system::{lock_holders, trust};

/// The rights that a run has.
#[derive(Debug)]
pub struct Privileges {
    /// Root's own groups and the owner, if root steps back.
    lowered: Option<(Ids, Ids)>,
}

/// Effective ids.
#[derive(Debug, Clone)]
struct Ids {
    user: Uid,
    group: Gid,
    groups: Vec<Gid>,
}

impl Privileges {
    /// The rights for a storage: the caller's own, or the owner's if the caller is root and the
    /// owner is not. Nothing changes yet.
    ///
    /// # Errors
    ///
    /// `A` is a link and its target belongs to somebody else, or the owner cannot be found out.
    pub fn for_storage(storage: &Storage) -> Result<Self, Reason> {
        let a = storage.a();
        let unreadable = |error: io::Error| Reason::new(format!("{}: {error}", text::path(&a)));
        let (entry, target) =
            (fs::symlink_metadata(&a).map_err(unreadable)?, fs::metadata(&a).map_err(unreadable)?);
        if !unistd::geteuid().is_root() || (entry.uid() == 0 && target.uid() == 0) {
            return Ok(Self { lowered: None });
        }
        if entry.uid() != target.uid() {
            let (link, at) =
                (lock_holders::user_name(entry.uid()), lock_holders::user_name(target.uid()));
            let what = format!("{} is a link of {link} to a folder of {at}", text::path(&a));
            return Err(Reason::new(what).hint("give link and folder the same owner (chown -h)"));
        }
        let failed =
            |error| Reason::new(format!("the groups of the owner cannot be found out: {error}"));
        let root = Ids::own().map_err(failed)?;
        let owner = Ids::of_owner(Uid::from_raw(target.uid()), Gid::from_raw(target.gid()))
            .map_err(failed)?;
        Ok(Self { lowered: Some((root, owner)) })
    }

    /// From now on everything is done with these rights.
    ///
    /// # Errors
    ///
    /// The system does not let this process change its ids.
    pub fn lower(&self) -> Result<(), Reason> {
        let Some((_, owner)) = &self.lowered else { return Ok(()) };
        owner.assume().map_err(|error| {
            let owner = lock_holders::user_name(owner.user.as_raw());
            Reason::new(format!(
                "the rights of {owner}, who owns the storage, cannot be taken: {error}"
            ))
        })
    }

    /// Does something with the rights that the program was started with.
    pub fn with_caller_privileges<T>(&self, work: impl FnOnce() -> T) -> T {
        let Some((root, owner)) = &self.lowered else { return work() };
        let raised = root.assume();
        let result = work();
        if raised.is_ok() {
            // Stepping back to rights that this process had a moment ago does not fail.
            let _ = owner.assume();
        }
        result
    }

    /// Whether root has stepped back.
    pub fn are_lowered(&self) -> bool {
        self.lowered.is_some()
    }
}

/// Looks at other processes with the rights of the user that started the program: with lowered
/// rights `/proc` does not show what root's processes have open. Nothing else may be done in it.
pub(crate) fn as_real_user<T>(look: impl FnOnce() -> T) -> T {
    let lowered = unistd::geteuid();
    let raised = unistd::getuid() != lowered && unistd::seteuid(unistd::getuid()).is_ok();
    let result = look();
    if raised {
        // As above: it had them a moment ago.
        let _ = unistd::seteuid(lowered);
    }
    result
}

/// The user that this process acts as now.
pub fn effective_user() -> u32 {
    unistd::geteuid().as_raw()
}

impl Ids {
    fn own() -> nix::Result<Self> {
        Ok(Self { user: unistd::geteuid(), group: unistd::getegid(), groups: unistd::getgroups()? })
    }

    /// The owner of `A/`, with the group of `A/` and those that the system gives the user.
    fn of_owner(user: Uid, group: Gid) -> nix::Result<Self> {
        let groups = match User::from_uid(user)? {
            Some(known) => {
                unistd::getgrouplist(&CString::new(known.name).unwrap_or_default(), known.gid)?
            }
            None => vec![group],
        };
        Ok(Self { user, group, groups })
    }

    /// Makes these the effective ids of every thread. Root's user id comes first or last,
    /// because only root may change the others.
    fn assume(&self) -> nix::Result<()> {
        unistd::seteuid(Uid::from_raw(0))?;
        unistd::setgroups(&self.groups)?;
        unistd::setegid(self.group)?;
        unistd::seteuid(self.user)
    }
}

/// Whether the effective user may make, rename and remove entries of the folder at `path`.
///
/// # Errors
///
/// It may not; the hint is the command that cures it.
pub fn may_change_entries(path: &Path) -> Result<(), Reason> {
    let access = Access::WRITE_OK | Access::EXEC_OK;
    rustix::fs::accessat(CWD, path, access, AtFlags::EACCESS)
        .map_err(|error| no_access(path, "cannot be changed", &error.into()))
}

/// A refusal because of an error on a path; if rights are missing, the hint is the line that
/// gives them.
pub fn no_access(path: &Path, what: &str, error: &io::Error) -> Reason {
    let name = lock_holders::user_name(effective_user());
    if error.kind() != io::ErrorKind::PermissionDenied {
        return Reason::new(format!("{} {what}: {error}", text::path(path)));
    }
    let refusal = Reason::new(format!("{} {what} by user {name}: {error}", text::path(path)));
    let Some((culprit, cure)) = culprit(path) else { return refusal };
    let owner = fs::symlink_metadata(&culprit).map_or(effective_user(), |found| found.uid());
    let own = owner == effective_user();
    let cure = match cure {
        Cure::ToPass if own => "chmod u+x".to_owned(),
        // A folder above the storage is somebody else's for a reason: it is not given away.
        Cure::ToPass => "chmod a+x".to_owned(),
        Cure::ToChange if own => "chmod u+rwx".to_owned(),
        Cure::ToChange => format!("chown {name}"),
    };
    let cure = format!("{cure} {}", quoting::quoted(culprit));
    // Somebody who only came along should not take the storage over.
    let alternative = format!("run dsnap as root or as {}, or: ", lock_holders::user_name(owner));
    let stranger = !own && !unistd::getuid().is_root();
    refusal.hint(if stranger { alternative + &cure } else { cure })
}

/// What the user must be able to do with a file or folder.
enum Cure {
    ToPass,
    ToChange,
}

/// What stands in the way to a path, or in it.
fn culprit(path: &Path) -> Option<(PathBuf, Cure)> {
    let path = std::path::absolute(path).ok()?;
    match closed_folder(&path) {
        Some(folder) if Some(&*folder) != path.parent() => Some((folder, Cure::ToPass)),
        // The entry itself, or the folder it cannot be made in.
        _ if path.exists() => Some((path, Cure::ToChange)),
        _ => Some((path.parent()?.to_owned(), Cure::ToChange)),
    }
}

/// The first folder on the way to an absolute path that the user may not pass through.
fn closed_folder(path: &Path) -> Option<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..trust::LINKS {
        let mut above: Vec<_> = path.ancestors().skip(1).map(Path::to_owned).collect();
        above.reverse();
        let closed = above.into_iter().find(|folder| {
            let access = rustix::fs::accessat(CWD, folder, Access::EXEC_OK, AtFlags::EACCESS);
            access == Err(rustix::io::Errno::ACCESS)
        });
        // It may be a link: then what stands in the way lies where it leads to.
        let at = closed.clone().unwrap_or_else(|| path.clone());
        let Ok(target) = fs::read_link(&at) else { return closed };
        path = at.parent()?.join(target).join(path.strip_prefix(&at).ok()?);
    }
    None
}

/// A refusal because a file that a line names cannot be read. No command is suggested: whoever
/// wrote the line may have named a file that must stay as it is.
pub fn cannot_read(path: &Path, error: &io::Error) -> Reason {
    cannot(path, "read", "read it", error)
}

/// The same for a program.
pub fn cannot_execute(path: &Path, error: &io::Error) -> Reason {
    cannot(path, "executed", "execute it", error)
}

fn cannot(path: &Path, what: &str, cure: &str, error: &io::Error) -> Reason {
    let shown = text::path(path);
    if error.kind() != io::ErrorKind::PermissionDenied {
        return Reason::new(format!("{shown} cannot be {what}: {error}"));
    }
    let name = lock_holders::user_name(effective_user());
    let refusal = Reason::new(format!("{shown} cannot be {what} by user {name}: {error}"));
    with_permission_hint(refusal, cure, error)
}

/// Adds what to do where a line lacks rights, if that is the trouble.
pub(crate) fn with_permission_hint(refusal: Reason, cure: &str, error: &io::Error) -> Reason {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return refusal;
    }
    let user = unistd::geteuid();
    let name = lock_holders::user_name(user.as_raw());
    let lowered = unistd::getuid().is_root() && !user.is_root();
    refusal.hint(if lowered {
        format!("let {name} {cure} if it is meant for this storage; a line that needs root's rights belongs into a conf that only root can change (--snapshot-conf)")
    } else {
        format!("let {name} {cure}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_names_the_user_and_the_cure() {
        let error = io::Error::from(io::ErrorKind::PermissionDenied);
        let folder = tempfile::tempdir().unwrap();
        let refusal = no_access(&folder.path().join("lock"), "cannot be locked", &error);
        let cure = format!("chmod u+rwx {}", folder.path().display());
        assert_eq!(refusal.hints(), [cure]);
        let refusal = no_access(Path::new("/proc/1/mem"), "cannot be read", &error);
        let user = lock_holders::user_name(unistd::geteuid().as_raw());
        assert!(refusal.text().contains(&format!("by user {user}: ")), "{refusal}");
    }
}
