//! Errors of access: what cannot be done with which path, as which user, and what cures it.
//!
//! A hint that root follows must not serve the storage's owner: it names nothing outside the storage
//! that only the owner's link leads to, and `chown` never follows a link.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use dsnap_core::{Reason, text};
use nix::unistd;

use crate::quoting::quoted;
use crate::system::real_user::is_lowered;
use crate::system::users::{effective_user, user_and_group, user_name};
use crate::system::walk::{Part, Walk};

/// Explains an error on a path of a storage that belongs to `owner`: `what` continues the sentence
/// (`cannot be read`). If a permission is missing, the hint says what gives it.
pub(crate) fn path_error(path: &Path, owner: u32, what: &str, error: &io::Error) -> Reason {
    let (shown, words) = (text::path(path), text::error(error));
    if error.kind() != io::ErrorKind::PermissionDenied {
        return Reason::new(format!("{shown} {what}: {words}"));
    }
    let user = effective_user();
    let reason = Reason::new(format!("{shown} {what} by user {}: {words}", user_name(user)));
    if user != owner && !unistd::getuid().is_root() {
        // A file of this user in `misc/` would lock the server out.
        let who = match owner {
            0 => "as root".to_owned(),
            owner => format!("as root or as {}", user_name(owner)),
        };
        return reason.hint(format!("run dsnap {who}, who owns the storage"));
    }
    match std::path::absolute(path).ok().and_then(|path| Obstacle::on_the_way_to(&path)) {
        Some(obstacle) => reason.hint(obstacle.cure(user)),
        None => reason,
    }
}

/// Adds to a command in a hint that the storage's owner should run it, where root works for that
/// owner: the owner could exchange what the command's paths lead to.
pub fn as_owner(command: &str) -> String {
    if !is_lowered() {
        return command.to_owned();
    }
    format!("as {}, not as root: {command}", user_name(effective_user()))
}

/// What stands in the way to a path.
enum Obstacle {
    /// A folder that the user may not pass through.
    Closed(Part),
    /// An entry that the user may not change, or the folder in which it cannot be made.
    Fixed(Part),
    /// A file of another user that has a second name, elsewhere perhaps.
    Linked(PathBuf),
    /// Something behind a link of a user other than root.
    BehindLink(PathBuf),
}

impl Obstacle {
    /// Follows the way with the effective privileges, up to the obstacle.
    fn on_the_way_to(path: &Path) -> Option<Self> {
        let (mut link, mut folder, mut last) = (None, None, None);
        for part in Walk::to(path) {
            let part = match part {
                Ok(part) => part,
                Err(blocked) => {
                    let denied = blocked.error.kind() == io::ErrorKind::PermissionDenied;
                    let at = folder.map(if denied { Self::Closed } else { Self::Fixed });
                    return link.map(Self::BehindLink).or(at);
                }
            };
            if part.found.is_symlink() && part.found.uid() != 0 {
                link = Some(part.path.clone());
            }
            if part.found.is_dir() {
                folder = Some(part.clone());
            }
            last = Some(part);
        }
        link.map(Self::BehindLink).or(last.map(Self::at))
    }

    fn at(part: Part) -> Self {
        let is_own = part.found.uid() == effective_user();
        let has_other_name = part.found.is_file() && part.found.nlink() > 1;
        if has_other_name && !is_own { Self::Linked(part.path) } else { Self::Fixed(part) }
    }

    fn cure(&self, user: u32) -> String {
        let (part, own, foreign) = match self {
            // A folder above the storage has another owner for a reason: it is not given away.
            Self::Closed(part) => (part, "chmod u+x".to_owned(), "chmod a+x".to_owned()),
            Self::Fixed(part) => {
                (part, "chmod u+rwx".to_owned(), format!("chown -h {}", user_and_group(user)))
            }
            Self::Linked(path) => {
                let path = text::path(path);
                return format!(
                    "find out whose file {path} is: it has another name elsewhere; then remove this name"
                );
            }
            Self::BehindLink(link) => {
                let link = text::path(link);
                return format!(
                    "look where {link} leads, and whether it should, before you change anything there"
                );
            }
        };
        let is_own = part.found.uid() == user;
        let command = format!("{} {}", if is_own { own } else { foreign }, quoted(&part.path));
        if is_own {
            return as_owner(&command);
        }
        if unistd::getuid().is_root() { command } else { format!("as root: {command}") }
    }
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
    let (shown, words) = (text::path(path), text::error(error));
    if error.kind() != io::ErrorKind::PermissionDenied {
        return Reason::new(format!("{shown} cannot be {what}: {words}"));
    }
    let user = user_name(effective_user());
    let reason = Reason::new(format!("{shown} cannot be {what} by user {user}: {words}"));
    with_permission_hint(reason, cure, error)
}

/// Adds what to do if a permission is missing; `cure` is what the user must be able to do.
pub(crate) fn with_permission_hint(reason: Reason, cure: &str, error: &io::Error) -> Reason {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return reason;
    }
    let name = user_name(effective_user());
    reason.hint(if is_lowered() {
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
        let path = folder.path().join("lock");
        let reason = path_error(&path, effective_user(), "cannot be locked", &error);
        let cure = format!("chmod u+rwx {}", folder.path().display());
        assert_eq!(reason.hints(), [cure]);
        let reason = path_error(&path, 54_321, "cannot be locked", &error);
        let user = user_name(effective_user());
        assert!(reason.text().contains(&format!("by user {user}: ")), "{reason}");
        if effective_user() != 0 {
            assert_eq!(reason.hints(), ["run dsnap as root or as 54321, who owns the storage"]);
        }
    }

    #[test]
    fn no_hint_names_what_only_a_link_of_another_user_leads_to() {
        if effective_user() != 0 {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/root", &link).unwrap();
        let error = io::Error::from(io::ErrorKind::PermissionDenied);
        let hint = |link: &Path| path_error(link, 0, "cannot be read", &error).hints()[0].clone();
        assert_eq!(hint(&link), "chmod u+rwx /root");
        std::os::unix::fs::lchown(&link, Some(54_321), None).unwrap();
        let shown = link.display();
        let words = format!(
            "look where {shown} leads, and whether it should, before you change anything there"
        );
        assert_eq!(hint(&link), words);
    }
}
