//! Trust: may a file be used with a user's privileges, or can another user have written it?
//!
//! Only root and the user whose privileges it gets may be able to change a conf that root obeys, or
//! a library or program that is run. That holds for the file, and for every folder and link that the
//! system looks at on the way to it.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use dsnap_core::{Reason, text};
use rustix::fs::StatVfsMountFlags;

use crate::limits::MAX_SYMLINKS;
use crate::quoting;
use crate::system::{access, users};

/// The mode bits that let the group and everybody else write.
const WRITABLE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// Checks that only root and `user` can change the file at an absolute path, or where that path
/// leads. Returns the file's metadata, so that an opened file can be compared with it.
///
/// A sticky folder is accepted, because its entries are checked as well. So is everything on a
/// read-only mount.
///
/// # Errors
///
/// Another user can. The text names the part of the path, and the hint is the command that cures
/// it.
pub fn check_writable_only_by(path: &Path, user: u32) -> Result<Metadata, Reason> {
    let mut last = None;
    for part in on_the_way(path)? {
        let found = look(&part)?;
        check(&part, &found, user)?;
        last = Some(found);
    }
    last.ok_or_else(|| Reason::new(format!("{} leads nowhere", text::path(path))))
}

fn check(part: &Path, found: &Metadata, user: u32) -> Result<(), Reason> {
    let shown = text::path(part);
    if is_read_only(part) {
        return Ok(());
    }
    if found.uid() != 0 && found.uid() != user {
        let (owner, cure) = (users::user_name(found.uid()), users::user_name(user));
        let option = if found.is_symlink() { "-h " } else { "" };
        return Err(Reason::new(format!("{shown} belongs to {owner}, who could change it"))
            .hint(format!("chown {option}{cure} {}", quoting::quoted(part))));
    }
    let sticky = found.is_dir() && found.mode() & STICKY != 0;
    if found.is_symlink() || found.mode() & WRITABLE == 0 || sticky {
        return Ok(());
    }
    let whom = if found.mode() & 0o002 != 0 { "everybody" } else { "its group" };
    Err(Reason::new(format!("{shown} can be changed by {whom}"))
        .hint(format!("chmod go-w {}", quoting::quoted(part))))
}

fn is_read_only(part: &Path) -> bool {
    rustix::fs::statvfs(part).is_ok_and(|found| found.f_flag.contains(StatVfsMountFlags::RDONLY))
}

fn look(part: &Path) -> Result<Metadata, Reason> {
    fs::symlink_metadata(part).map_err(|error| unreachable(part, &error))
}

fn unreachable(part: &Path, error: &std::io::Error) -> Reason {
    let refusal = Reason::new(format!("{}: {error}", text::path(part)));
    access::with_permission_hint(refusal, "look there", error)
}

/// Lists everything that the system looks at on the way to an absolute path, links included. The
/// last item is where the path leads.
fn on_the_way(path: &Path) -> Result<Vec<PathBuf>, Reason> {
    let mut ahead: Vec<OsString> = words(path);
    let (mut here, mut seen, mut links) = (PathBuf::from("/"), vec![PathBuf::from("/")], 0);
    while let Some(word) = ahead.pop() {
        if word == ".." {
            here.pop();
            continue;
        }
        let part = here.join(&word);
        if look(&part)?.is_symlink() {
            links += 1;
            if links > MAX_SYMLINKS {
                return Err(Reason::new(format!("{} leads in a circle", text::path(path))));
            }
            let target = fs::read_link(&part).map_err(|error| unreachable(&part, &error))?;
            if target.is_absolute() {
                here = PathBuf::from("/");
            }
            ahead.extend(words(&target));
        } else {
            here.clone_from(&part);
        }
        seen.push(part);
    }
    Ok(seen)
}

/// Splits a path into its names, the last one first.
fn words(path: &Path) -> Vec<OsString> {
    let names = path
        .components()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    let mut words: Vec<_> = names.map(|part| part.as_os_str().to_owned()).collect();
    words.reverse();
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

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
            mode(&path, 0o775);
            refused(
                &file,
                &format!("{shown} can be changed by its group"),
                &format!("chmod go-w {shown}"),
            );
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
        let me = users::user_name(own());
        if own() == 0 {
            let refusal = {
                std::os::unix::fs::chown(&file, Some(54_321), None).unwrap();
                check_writable_only_by(&file, 0).unwrap_err()
            };
            let shown = file.display();
            assert_eq!(refusal.text(), format!("{shown} belongs to 54321, who could change it"));
            assert_eq!(refusal.hints(), [format!("chown {me} {shown}")]);
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
}
