//! The one place that opens files and folders for the engine and for the methods that are linked in.
//!
//! Other users can put anything in the place of a file: a terminal that would become ours, a pipe
//! whose other end never comes, a device. So every open has the same flags, and what was opened is
//! looked at before it is used.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// These keep a terminal from becoming ours, and an open from waiting.
const ALWAYS: OFlags = OFlags::CLOEXEC.union(OFlags::NOCTTY).union(OFlags::NONBLOCK);
/// A descriptor that only stands for an entry: it needs no permission for the entry itself, and has
/// no effect on it.
const STANDS_FOR: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// Opens an entry of `folder`. An absolute name is one of the whole system.
pub(super) fn open_at(
    folder: BorrowedFd<'_>,
    name: &Path,
    flags: OFlags,
    mode: u32,
) -> io::Result<File> {
    Ok(rustix::fs::openat(folder, name, flags | ALWAYS, Mode::from_raw_mode(mode))?.into())
}

/// Returns a descriptor that stands for an entry of `folder`, itself if it is a link.
pub(super) fn stand_for(folder: BorrowedFd<'_>, name: &Path) -> io::Result<File> {
    let flags = STANDS_FOR | OFlags::NOFOLLOW;
    Ok(rustix::fs::openat(folder, name, flags, Mode::empty())?.into())
}

/// Returns a descriptor that stands for what an entry of `folder` leads to, if it is a link.
pub(super) fn stand_for_target(folder: BorrowedFd<'_>, name: &Path) -> io::Result<File> {
    Ok(rustix::fs::openat(folder, name, STANDS_FOR, Mode::empty())?.into())
}

/// Returns device and inode of an open file.
pub(super) fn identity(fd: BorrowedFd<'_>) -> io::Result<(u64, u64)> {
    let found = rustix::fs::fstat(fd)?;
    Ok((found.st_dev, found.st_ino))
}

/// Returns device and inode of an entry of `folder`. An absolute name is one of the whole system.
pub(super) fn identity_at(
    folder: BorrowedFd<'_>,
    name: &Path,
    flags: AtFlags,
) -> io::Result<(u64, u64)> {
    let found = rustix::fs::statat(folder, name, flags)?;
    Ok((found.st_dev, found.st_ino))
}

/// Returns a descriptor that stands for the folder at `path`, wherever links on the way lead.
pub(super) fn folder_at(path: &Path) -> io::Result<File> {
    let flags = STANDS_FOR | OFlags::DIRECTORY;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// Returns a descriptor that stands for the folder at `place` below `folder`. No part of `place` may
/// be a link, nor lead out of `folder`.
pub(super) fn folder_below(folder: BorrowedFd<'_>, place: &Path) -> io::Result<File> {
    let flags = STANDS_FOR | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let mut parts = place.components();
    // For a single name, the flags alone prevent links, and openat is quicker than openat2.
    if let (Some(Component::Normal(name)), None) = (parts.next(), parts.next()) {
        return Ok(rustix::fs::openat(folder, name, flags, Mode::empty())?.into());
    }
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(folder, place, flags, Mode::empty(), resolve) {
        // Linux before 5.6 has no such call, and a container may forbid it.
        Err(Errno::NOSYS | Errno::PERM) => folder_below_by_steps(folder, place),
        opened => Ok(opened?.into()),
    }
}

fn folder_below_by_steps(folder: BorrowedFd<'_>, place: &Path) -> io::Result<File> {
    let flags = STANDS_FOR | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let step = |from: BorrowedFd<'_>, name: &Path| {
        rustix::fs::openat(from, name, flags, Mode::empty()).map(File::from)
    };
    let mut here = step(folder, Path::new("."))?;
    for part in place.components() {
        match part {
            Component::Normal(name) => here = step(here.as_fd(), name.as_ref())?,
            Component::CurDir => {}
            _ => return Err(Errno::XDEV.into()),
        }
    }
    Ok(here)
}

/// Opens once more, for reading, what a descriptor stands for: that very file, whatever its name
/// leads to now.
pub(super) fn reopen(stands_for: BorrowedFd<'_>) -> io::Result<File> {
    let path = descriptor_path(stands_for);
    open_at(rustix::fs::CWD, &path, OFlags::RDONLY, 0)
}

/// Opens a folder once more, to list it: through itself, which is quicker than through /proc.
pub(super) fn reopen_folder(stands_for: BorrowedFd<'_>) -> io::Result<File> {
    open_at(stands_for, Path::new("."), OFlags::RDONLY | OFlags::DIRECTORY, 0)
}

/// Returns the path under which the system knows a descriptor of this process.
pub(super) fn descriptor_path(fd: BorrowedFd<'_>) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

/// Returns a file, but only a regular one.
pub(super) fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is not a regular file"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// A folder with `one/two`, and a link `link` to `one`.
    fn tree() -> (tempfile::TempDir, File) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("one/two")).unwrap();
        symlink("one", folder.path().join("link")).unwrap();
        let fd = folder_at(folder.path()).unwrap();
        (folder, fd)
    }

    #[test]
    fn a_folder_below_is_never_reached_through_a_link_or_outside() {
        let (_folder, fd) = tree();
        for open in [folder_below, folder_below_by_steps] {
            let open = |place: &str| open(fd.as_fd(), Path::new(place));
            assert!(open("one/two").is_ok());
            assert!(open(".").is_ok());
            for place in ["link", "link/two", "one/../..", "/etc", "one/two/three"] {
                assert!(open(place).is_err(), "{place}");
            }
        }
    }

    #[test]
    fn what_is_opened_once_more_is_the_same_file_even_if_its_name_changes() {
        let (folder, fd) = tree();
        fs::write(folder.path().join("file"), "first").unwrap();
        let stands_for = stand_for(fd.as_fd(), Path::new("file")).unwrap();
        fs::rename(folder.path().join("file"), folder.path().join("older")).unwrap();
        fs::write(folder.path().join("file"), "second").unwrap();
        let read = io::read_to_string(reopen(stands_for.as_fd()).unwrap()).unwrap();
        assert_eq!(read, "first");
    }
}
