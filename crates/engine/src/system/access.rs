//! Errors of access: what cannot be done with which path, as which user, and what cures it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use dsnap_core::{Reason, text};
use nix::unistd;
use rustix::fs::{Access, AtFlags, CWD};

use crate::limits::MAX_SYMLINKS;
use crate::quoting::quoted;
use crate::system::users::{effective_user, user_name};

/// Checks that the effective user may make, rename and remove entries of the folder at `path`.
///
/// # Errors
///
/// The user may not; the hint is the command that cures it.
pub fn check_can_change_entries(path: &Path) -> Result<(), Reason> {
    let access = Access::WRITE_OK | Access::EXEC_OK;
    rustix::fs::accessat(CWD, path, access, AtFlags::EACCESS)
        .map_err(|error| path_error(path, "cannot be changed", &error.into()))
}

/// Explains an error on a path of the storage: `what` continues the sentence (`cannot be read`). If
/// a permission is missing, the hint is the command that gives it.
pub fn path_error(path: &Path, what: &str, error: &io::Error) -> Reason {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return Reason::new(format!("{} {what}: {error}", text::path(path)));
    }
    let user = user_name(effective_user());
    let reason = Reason::new(format!("{} {what} by user {user}: {error}", text::path(path)));
    match obstacle(path) {
        Some(obstacle) => reason.hint(obstacle.cure(&user)),
        None => reason,
    }
}

/// What stands in the way to a path, and what the user must be able to do with it.
struct Obstacle {
    path: PathBuf,
    need: Need,
}

enum Need {
    PassThrough,
    Change,
}

impl Obstacle {
    fn cure(&self, user: &str) -> String {
        let owner = fs::symlink_metadata(&self.path).map_or(effective_user(), |found| found.uid());
        let own = owner == effective_user();
        let command = match self.need {
            Need::PassThrough if own => "chmod u+x".to_owned(),
            // A folder above the storage has another owner for a reason: it is not given away.
            Need::PassThrough => "chmod a+x".to_owned(),
            Need::Change if own => "chmod u+rwx".to_owned(),
            Need::Change => format!("chown {user}"),
        };
        let command = format!("{command} {}", quoted(&self.path));
        if own || unistd::getuid().is_root() {
            return command;
        }
        // A third user should not take the storage over.
        format!("run dsnap as root or as {}, or: {command}", user_name(owner))
    }
}

fn obstacle(path: &Path) -> Option<Obstacle> {
    let path = std::path::absolute(path).ok()?;
    let (path, need) = match closed_folder(&path) {
        Some(folder) if Some(&*folder) != path.parent() => (folder, Need::PassThrough),
        // The entry itself, or the folder in which it cannot be made.
        _ if path.exists() => (path, Need::Change),
        _ => (path.parent()?.to_owned(), Need::Change),
    };
    Some(Obstacle { path, need })
}

/// Finds the first folder on the way to an absolute path that the user may not pass through.
fn closed_folder(path: &Path) -> Option<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_SYMLINKS {
        let mut above: Vec<_> = path.ancestors().skip(1).map(Path::to_owned).collect();
        above.reverse();
        let closed = above.into_iter().find(|folder| {
            let access = rustix::fs::accessat(CWD, folder, Access::EXEC_OK, AtFlags::EACCESS);
            access == Err(rustix::io::Errno::ACCESS)
        });
        // If it is a link, the obstacle lies where the link leads.
        let at = closed.clone().unwrap_or_else(|| path.clone());
        let Ok(target) = fs::read_link(&at) else { return closed };
        path = at.parent()?.join(target).join(path.strip_prefix(&at).ok()?);
    }
    None
}

/// Explains that a file named on a conf line cannot be read. Suggests no command: the author of the
/// line may have named a file that must stay as it is.
pub fn cannot_read(path: &Path, error: &io::Error) -> Reason {
    cannot(path, "read", "read it", error)
}

/// Explains that a program named on a conf line cannot be executed. Suggests no command, as
/// [`cannot_read`].
pub fn cannot_execute(path: &Path, error: &io::Error) -> Reason {
    cannot(path, "executed", "execute it", error)
}

fn cannot(path: &Path, what: &str, cure: &str, error: &io::Error) -> Reason {
    let shown = text::path(path);
    if error.kind() != io::ErrorKind::PermissionDenied {
        return Reason::new(format!("{shown} cannot be {what}: {error}"));
    }
    let user = user_name(effective_user());
    let reason = Reason::new(format!("{shown} cannot be {what} by user {user}: {error}"));
    with_permission_hint(reason, cure, error)
}

/// Adds what to do if a permission is missing; `cure` is what the user must be able to do.
pub(crate) fn with_permission_hint(reason: Reason, cure: &str, error: &io::Error) -> Reason {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return reason;
    }
    let user = unistd::geteuid();
    let name = user_name(user.as_raw());
    let lowered = unistd::getuid().is_root() && !user.is_root();
    reason.hint(if lowered {
        format!("let {name} {cure} if it is meant for this storage; a line that needs root's privileges must stand in a conf that only root can change (--snapshot-conf)")
    } else {
        format!("let {name} {cure}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_permission_names_the_user_and_the_cure() {
        let error = io::Error::from(io::ErrorKind::PermissionDenied);
        let folder = tempfile::tempdir().unwrap();
        let reason = path_error(&folder.path().join("lock"), "cannot be locked", &error);
        let cure = format!("chmod u+rwx {}", folder.path().display());
        assert_eq!(reason.hints(), [cure]);
        let reason = path_error(Path::new("/proc/1/mem"), "cannot be read", &error);
        let user = user_name(effective_user());
        assert!(reason.text().contains(&format!("by user {user}: ")), "{reason}");
    }
}
