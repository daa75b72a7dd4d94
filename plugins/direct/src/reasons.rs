//! Error texts that several steps share, and what a recovery that stopped means to the user.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io;
use std::path::Path;

use dsnap_core::{Reason, text};
use dsnap_engine::quoting;
use dsnap_engine::system::access;
use dsnap_engine::system::folder::Folder;

/// What to do about a recovery that stopped.
pub(crate) const RUN_AGAIN: &str =
    "fix the cause and run dsnap again: the recovery continues where it stopped";

/// Says why a recovery stopped halfway, and what that means.
pub(crate) fn unfinished(what: impl Display) -> Reason {
    unfinished_without_hint(what).hint(RUN_AGAIN)
}

/// Explains what any failure means once a recovery has begun to change files.
pub(crate) fn of_recovery(reason: Reason) -> Reason {
    let is_explained = reason.hints().iter().any(|hint| *hint == RUN_AGAIN);
    if is_explained { reason } else { halfway(reason) }
}

/// Says on which entry of a folder a recovery stopped halfway. `action` is what could not be done,
/// for example `cannot remove`. If a permission is missing, the first hint gives it.
pub(crate) fn unfinished_at(
    action: &str,
    folder: &Folder,
    name: impl AsRef<Path>,
    error: &io::Error,
) -> Reason {
    let path = folder.path_of(&name);
    let Some(missing) = missing_permission(folder, name.as_ref(), error) else {
        return unfinished(format!("{action} {}", at(&path, error)));
    };
    halfway_through(format!("{action} {}: {}", text::path(&path), missing.text()), &missing)
}

/// Explains a problem that the survey would have refused, but that appeared after it.
pub(crate) fn halfway(found: Reason) -> Reason {
    halfway_through(found.text(), &found)
}

fn halfway_through(what: impl Display, cause: &Reason) -> Reason {
    cause.hints().iter().fold(unfinished_without_hint(what), Reason::hint).hint(RUN_AGAIN)
}

/// Finds the folder that this user may not change. The survey found all of them writable, but that
/// may have changed since.
fn missing_permission(folder: &Folder, name: &Path, error: &io::Error) -> Option<Reason> {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return None;
    }
    let closest = name.ancestors().skip(1).find_map(|above| folder.folder(above).ok());
    closest.as_ref().unwrap_or(folder).check_can_change_entries().err()
}

fn unfinished_without_hint(what: impl Display) -> Reason {
    Reason::new(format!(
        "{what}; nothing is lost, but A/ is not a snapshot until the storage is recovered"
    ))
}

/// Says that an entry of a folder cannot be read; with an empty name, the folder itself.
pub(crate) fn unreadable(folder: &Folder, name: impl AsRef<Path>, error: &io::Error) -> Reason {
    match error.kind() {
        io::ErrorKind::PermissionDenied => folder.error(name, "cannot be read", error),
        _ => Reason::new(at(&folder.path_of(name), error)),
    }
}

/// Says that no server puts something into a journal.
pub(crate) fn unexpected_in_journal(path: &Path) -> Reason {
    let mv = ["mv".as_ref(), path.as_os_str(), OsStr::new("/some/other/place")];
    Reason::new(format!("{} does not belong in a journal", text::path(path))).hint(format!(
        "find out what it is, then move it away: {}",
        access::as_owner(&quoting::command_line(mv))
    ))
}

/// Formats `PATH: ERROR`.
pub(crate) fn at(path: &Path, error: impl Display) -> String {
    format!("{}: {}", text::path(path), text::harmless(text::error(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_that_is_missing_halfway_is_named_with_its_cure() {
        // Even root cannot create files there.
        let folder = Folder::open(Path::new("/proc/sys")).unwrap();
        let denied = io::ErrorKind::PermissionDenied.into();
        let reason = unfinished_at("cannot create", &folder, "file", &denied);
        let begin = "cannot create /proc/sys/file: /proc/sys cannot be changed by user ";
        assert!(reason.text().starts_with(begin), "{reason}");
        assert!(reason.text().contains("; nothing is lost, but "), "{reason}");
        assert!(reason.hints()[0].ends_with(" /proc/sys"), "{reason}");
        assert_eq!(reason.hints()[1], RUN_AGAIN);
    }

    #[test]
    fn a_failure_after_the_first_change_says_once_that_nothing_is_lost() {
        let folder = Folder::open(Path::new("/proc/sys")).unwrap();
        let broken = io::Error::from(nix::errno::Errno::EIO);
        let reason = of_recovery(unreadable(&folder, "", &broken));
        let expected = "/proc/sys: Input/output error; nothing is lost, but A/ is not a snapshot until the storage is recovered";
        assert_eq!((reason.text(), reason.hints()), (expected, &[RUN_AGAIN.to_owned()][..]));
        assert_eq!(of_recovery(reason.clone()), reason);
    }

    #[test]
    fn another_failure_halfway_has_only_the_error() {
        let error = io::Error::from(io::ErrorKind::IsADirectory);
        let folder = Folder::open(Path::new("/proc/sys")).unwrap();
        let reason = unfinished_at("cannot create", &folder, "file", &error);
        let begin = "cannot create /proc/sys/file: is a directory; ";
        assert!(reason.text().starts_with(begin), "{reason}");
        assert_eq!(reason.hints(), [RUN_AGAIN]);
    }
}
