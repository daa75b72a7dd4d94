//! Trust: may a file be used with a user's privileges, or can another user have written it?
//!
//! Only root and the user whose privileges it gets may be able to change a conf that root obeys, or
//! a library or program that is run. That holds for the file, and for every folder and link that the
//! system looks at on the way to it.

use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use dsnap_core::{Reason, text};

use crate::quoting;
use crate::system::mounts::Mount;
use crate::system::real_user::is_lowered;
use crate::system::walk::{Blocked, Part, Walk};
use crate::system::{access, groups, open, users};

/// Whether a group that is one user's own may have write permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GroupRule {
    /// It counts as that user. Where the umask is 002, everything is writable by such a group.
    OwnCounts,
    /// No group may write. What is run must not depend on a database of groups.
    NoneMayWrite,
}

/// The mode bits that let the group and everybody else write.
const GROUP_WRITABLE: u32 = 0o020;
const WORLD_WRITABLE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// Checks that only root and `user` can change the file at an absolute path, or where that path
/// leads. Returns the file's metadata.
///
/// A sticky folder is accepted, because its entries are checked as well.
///
/// # Errors
///
/// Another user can. The text names the part of the path, and the hint is the command that cures
/// it.
pub fn check_writable_only_by(path: &Path, user: u32) -> Result<Metadata, Reason> {
    let parts = Walk::to(path).parts().map_err(blocked)?;
    Ok(check_to_run(&parts, &[0, user])?.found.clone())
}

/// Opens for reading the file at an absolute path that only root and `user` can change: what was
/// checked is what is opened.
///
/// # Errors
///
/// Another user can change the file, it cannot be opened, or it is not a regular one.
pub fn open_writable_only_by(path: &Path, user: u32) -> Result<File, Reason> {
    let unreadable = |error| access::cannot_read(path, &error);
    let parts = Walk::to(path).parts().map_err(|blocked| match blocked.error.kind() {
        ErrorKind::PermissionDenied => unreadable(blocked.error),
        _ => self::blocked(blocked),
    })?;
    let file = check_to_run(&parts, &[0, user])?.open();
    file.and_then(open::regular).map_err(unreadable)
}

/// Checks the way to something that is to be run, and returns its last part.
fn check_to_run<'a>(parts: &'a [Part], users: &[u32]) -> Result<&'a Part, Reason> {
    parts.iter().try_for_each(|part| check_with(part, users, GroupRule::NoneMayWrite))?;
    parts.last().ok_or_else(|| Reason::new("the path leads nowhere"))
}

/// Says whether somebody but root and `user` can change the file at an absolute path, or could put
/// one there.
pub(crate) fn others_can_change(path: &Path, user: u32) -> bool {
    // Where the way ends too soon, only those who can change the folders up to there could go on.
    Walk::to(path).map_while(Result::ok).any(|part| check(&part, &[0, user]).is_err())
}

/// Checks that nobody but these users can change, or exchange, any of these parts. The last user is
/// the one to whom the cure gives a part.
pub(crate) fn check_parts<'a>(
    parts: impl IntoIterator<Item = &'a Part>,
    users: &[u32],
) -> Result<(), Reason> {
    parts.into_iter().try_for_each(|part| check(part, users))
}

/// Checks that nobody but these users can change one part. A group that is the own one of such a
/// user counts as that user.
pub(crate) fn check(part: &Part, users: &[u32]) -> Result<(), Reason> {
    check_with(part, users, GroupRule::OwnCounts)
}

fn check_with(part: &Part, users: &[u32], rule: GroupRule) -> Result<(), Reason> {
    let (found, shown) = (&part.found, text::path(&part.path));
    if !users.contains(&found.uid()) {
        let owner = users::user_name(found.uid());
        // A folder may lead to more than this file, so it is given to nobody but root.
        let cure = users.last().filter(|_| !found.is_dir()).copied().unwrap_or(0);
        let cure = users::user_and_group(cure);
        let command = format!("chown -h {cure} {}", quoting::quoted(&part.path));
        return Err(Reason::new(format!("{shown} belongs to {owner}, who could change it"))
            .hint(cure_of(part, command)));
    }
    let Some(others) = others_who_may_write(part, users, rule) else { return Ok(()) };
    let command = format!("chmod go-w {}", quoting::quoted(&part.path));
    Err(Reason::new(format!("{shown} can be changed by {others}")).hint(cure_of(part, command)))
}

/// Returns the hint that cures a part. Where root works for another user, that user may have named
/// the file: then no command is given that changes what belongs to others.
fn cure_of(part: &Part, command: String) -> String {
    let user = users::effective_user();
    if !is_lowered() || part.found.uid() == user {
        return command;
    }
    format!("use a path that only root and {} can change", users::user_name(user))
}

/// Says who else may write to a part, by its mode.
fn others_who_may_write(part: &Part, users: &[u32], rule: GroupRule) -> Option<&'static str> {
    let (found, mode) = (&part.found, part.found.mode());
    let is_sticky_folder = found.is_dir() && mode & STICKY != 0;
    let others = if mode & WORLD_WRITABLE != 0 {
        "everybody"
    } else if mode & GROUP_WRITABLE != 0
        && !(rule == GroupRule::OwnCounts && is_own_group(part, users))
    {
        "its group"
    } else {
        return None;
    };
    let forgiven = found.is_symlink() || is_sticky_folder || is_read_only(part);
    (!forgiven).then_some(others)
}

/// Says whether the group of a part is one user's own, so that its permissions are that user's.
/// Where an access control list names others, the group's bits say what those may do.
fn is_own_group(part: &Part, users: &[u32]) -> bool {
    let is_own = |user: &u32| groups::is_own_group_of(part.found.gid(), *user);
    users.iter().any(is_own) && !has_access_control_list(part)
}

fn has_access_control_list(part: &Part) -> bool {
    use rustix::io::Errno;
    let path = open::descriptor_path(part.as_fd());
    let list = rustix::fs::getxattr(&path, "system.posix_acl_access", &mut [0_u8; 0]);
    !matches!(list, Err(Errno::NODATA | Errno::OPNOTSUPP))
}

/// Says whether nobody can write to the file system on which this very entry is. A read-only mount
/// of a file system that can be written elsewhere does not count.
fn is_read_only(part: &Part) -> bool {
    Mount::of(part.as_fd()).is_some_and(|mount| mount.superblock_is_read_only())
}

/// Explains why the way to a file cannot be followed.
pub(crate) fn blocked(blocked: Blocked) -> Reason {
    let shown = text::path(&blocked.path);
    let circle = rustix::io::Errno::LOOP.raw_os_error();
    if blocked.error.raw_os_error() == Some(circle) {
        return Reason::new(format!("{shown} leads in a circle"));
    }
    let reason = Reason::new(format!("{shown}: {}", text::error(&blocked.error)));
    access::with_permission_hint(reason, "look there", &blocked.error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    /// A folder in which a file called `file` lies below `outer/inner`.
    fn nested() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("outer/inner");
        fs::create_dir_all(&inner).unwrap();
        let file = inner.join("file");
        fs::write(&file, "").unwrap();
        for path in [&folder.path().join("outer"), &inner, &file] {
            mode(path, 0o755);
        }
        (folder, file)
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn own() -> u32 {
        nix::unistd::geteuid().as_raw()
    }

    #[track_caller]
    fn refused(path: &Path, text: &str, hint: &str) {
        let refusal = check_writable_only_by(path, own()).unwrap_err();
        assert_eq!((refusal.text(), refusal.hints()), (text, &[hint.to_owned()][..]));
    }

    #[test]
    fn the_file_and_each_folder_above_it_are_checked() {
        let (folder, file) = nested();
        check_writable_only_by(&file, own()).unwrap();
        for path in [file.clone(), folder.path().join("outer/inner"), folder.path().join("outer")] {
            let shown = path.display();
            mode(&path, 0o757);
            refused(
                &file,
                &format!("{shown} can be changed by everybody"),
                &format!("chmod go-w {shown}"),
            );
            mode(&path, 0o755);
        }
    }

    #[test]
    fn what_is_run_is_writable_by_no_group_and_what_is_read_perhaps_by_the_users_own() {
        let (_folder, file) = nested();
        let shown = file.display();
        mode(&file, 0o775);
        refused(
            &file,
            &format!("{shown} can be changed by its group"),
            &format!("chmod go-w {shown}"),
        );
        if own() == 0 {
            std::os::unix::fs::chown(&file, None, Some(0)).unwrap();
            assert!(!others_can_change(&file, own()));
            std::os::unix::fs::chown(&file, None, Some(54_321)).unwrap();
            mode(&file, 0o775);
            assert!(others_can_change(&file, own()));
        }
    }

    #[test]
    fn a_sticky_folder_is_accepted_and_a_sticky_file_is_not() {
        let (folder, file) = nested();
        mode(&folder.path().join("outer"), 0o1777);
        check_writable_only_by(&file, own()).unwrap();
        mode(&file, 0o1777);
        check_writable_only_by(&file, own()).unwrap_err();
    }

    #[test]
    fn a_file_of_another_user_is_named_with_its_owner() {
        let (folder, file) = nested();
        let me = users::user_and_group(own());
        if own() == 0 {
            let refusal = {
                std::os::unix::fs::chown(&file, Some(54_321), None).unwrap();
                check_writable_only_by(&file, 0).unwrap_err()
            };
            let shown = file.display();
            assert_eq!(refusal.text(), format!("{shown} belongs to 54321, who could change it"));
            assert_eq!(refusal.hints(), [format!("chown -h {me} {shown}")]);
            check_writable_only_by(&file, 54_321).unwrap();
        } else {
            check_writable_only_by(folder.path(), 54_321).unwrap_err();
        }
    }

    #[test]
    fn every_link_on_the_way_is_checked() {
        let (folder, file) = nested();
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        symlink(&file, open.join("middle")).unwrap();
        symlink("open/middle", folder.path().join("link")).unwrap();
        let link = folder.path().join("link");
        check_writable_only_by(&link, own()).unwrap();
        mode(&open, 0o777);
        let shown = open.display();
        refused(
            &link,
            &format!("{shown} can be changed by everybody"),
            &format!("chmod go-w {shown}"),
        );
    }

    #[test]
    fn a_circle_of_links_and_a_missing_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let circle = folder.path().join("circle");
        symlink("circle", &circle).unwrap();
        let refusal = check_writable_only_by(&circle, own()).unwrap_err();
        assert_eq!(refusal.text(), format!("{} leads in a circle", circle.display()));
        let refusal = check_writable_only_by(&folder.path().join("absent"), own()).unwrap_err();
        assert!(refusal.text().contains("absent: No such file"), "{refusal}");
    }

    #[test]
    fn what_was_checked_is_what_is_opened_even_while_a_link_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (name, its_mode) in [("good", 0o644), ("bad", 0o666)] {
            fs::write(path(name), name).unwrap();
            mode(&path(name), its_mode);
        }
        symlink("good", path("link")).unwrap();
        let good = fs::metadata(path("good")).unwrap().ino();
        let (mut opened, mut refused) = (0, 0);
        std::thread::scope(|scope| {
            let (done, exchanges) = std::sync::mpsc::channel::<()>();
            let path = &path;
            scope.spawn(move || {
                for target in ["bad", "good"].into_iter().cycle() {
                    symlink(target, path("next")).unwrap();
                    fs::rename(path("next"), path("link")).unwrap();
                    let ended = std::sync::mpsc::TryRecvError::Disconnected;
                    if exchanges.try_recv() == Err(ended) {
                        return;
                    }
                }
            });
            // Until both results were seen often.
            while opened < 100 || refused < 100 {
                match open_writable_only_by(&path("link"), own()) {
                    Ok(file) => {
                        assert_eq!(file.metadata().unwrap().ino(), good);
                        opened += 1;
                    }
                    Err(_) => refused += 1,
                }
            }
            drop(done);
        });
    }
}
