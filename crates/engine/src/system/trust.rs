//! Trust: may a file be used with somebody's rights, or can a stranger have written it?
//!
//! A conf that root obeys, and a library or program that is run, must be out of reach of
//! everybody but root and the user whose rights it gets: the file, and every folder and link that
//! the system looks at on the way to it, as written and as resolved.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use dsnap_core::{Reason, text};
use rustix::fs::StatVfsMountFlags;

use crate::limits::MAX_SYMLINKS;
use crate::quoting;
use crate::system::{access, users};

/// The mode bits with which a group and everybody else may write.
const WRITABLE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// Whether nobody but root and `user` can change the file at an absolute path, or what the path
/// leads to. Returns the file's own data, so that one that was opened can be compared with it.
///
/// A sticky folder counts as closed, because what it holds is looked at, too; and so does
/// whatever is on a read-only mount.
///
/// # Errors
///
/// Somebody else can. The text names the part of the path, the hint is what cures it.
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

/// Everything that the system looks at on the way to an absolute path, links among it; the last
/// one is what the path leads to.
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

/// The names in a path, the last one first.
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
    fn the_file_and_each_folder_above_it_counts() {
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
    fn a_sticky_folder_counts_as_closed_and_a_sticky_file_does_not() {
        let (folder, file) = nested();
        mode(&folder.path().join("outer"), 0o1777);
        check_writable_only_by(&file, own()).unwrap();
        mode(&file, 0o1777);
        check_writable_only_by(&file, own()).unwrap_err();
    }

    #[test]
    fn what_belongs_to_somebody_else_is_named_with_its_owner() {
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
    fn every_link_on_the_way_counts_and_not_only_the_first_and_the_last() {
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
    fn a_circle_and_a_missing_file_lead_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let circle = folder.path().join("circle");
        symlink("circle", &circle).unwrap();
        let refusal = check_writable_only_by(&circle, own()).unwrap_err();
        assert_eq!(refusal.text(), format!("{} leads in a circle", circle.display()));
        let refusal = check_writable_only_by(&folder.path().join("absent"), own()).unwrap_err();
        assert!(refusal.text().contains("absent: No such file"), "{refusal}");
    }
}
