//! What `/proc/PID/fdinfo` says about an open descriptor.
//!
//! Reading it neither opens the file behind the descriptor nor asks its file system, which may be
//! dead and never answer.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};

use crate::limits::MAX_FDINFO;
use crate::system::reading;
use crate::system::real_user::as_real_user;

/// The text about one descriptor, as bytes.
#[derive(Debug)]
pub(crate) struct FdInfo(Vec<u8>);

impl FdInfo {
    /// Reads about a descriptor of this process. It may be one that `O_PATH` opened.
    pub(crate) fn of(fd: BorrowedFd<'_>) -> io::Result<Self> {
        let path = format!("/proc/self/fdinfo/{}", fd.as_raw_fd());
        // Before Linux 5.14, only the real user may read it once privileges are lowered.
        Self::read(Path::new(&path)).or_else(|_| as_real_user(|| Self::read(Path::new(&path))))
    }

    /// Reads about every descriptor of this process.
    pub(crate) fn own() -> Vec<Self> {
        let read = || Self::paths("self").filter_map(|path| Self::read(&path).ok()).collect();
        as_real_user(read)
    }

    /// Lists the descriptors of a process (a pid or `self`), as paths for [`read`](Self::read).
    pub(crate) fn paths(process: impl fmt::Display) -> impl Iterator<Item = PathBuf> {
        let entries = fs::read_dir(format!("/proc/{process}/fdinfo"));
        entries.into_iter().flatten().flatten().map(|entry| entry.path())
    }

    /// Reads about a descriptor in `/proc`. Everything that is needed here stands at the beginning.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        Ok(Self(reading::read_up_to(File::open(path)?, MAX_FDINFO)?))
    }

    /// Returns the number of the mount on which the file was opened.
    pub(crate) fn mount_id(&self) -> Option<u64> {
        number(self.values("mnt_id").next()?)
    }

    /// Returns the inode number that `/proc/locks` shows. Only Linux 5.14 and later say it.
    pub(crate) fn inode(&self) -> Option<u64> {
        number(self.values("ino").next()?)
    }

    /// Returns the locks of this descriptor, in the form of lines of `/proc/locks`.
    pub(crate) fn locks(&self) -> impl Iterator<Item = &[u8]> {
        self.values("lock")
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let lines = self.0.split(|byte| *byte == b'\n');
        lines.filter_map(move |line| {
            let value = line.strip_prefix(name.as_bytes())?.strip_prefix(b":")?;
            Some(value.trim_ascii())
        })
    }
}

/// Reads a decimal number that is a whole field.
pub(crate) fn number<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    fn info(text: &[u8]) -> FdInfo {
        FdInfo(text.to_vec())
    }

    #[test]
    fn mount_inode_and_locks_are_found_by_name() {
        let text =
            b"pos:\t0\nflags:\t02100001\nmnt_id:\t27\nino:\t13\nlock:\t1: FLOCK\nlock:\t2: POSIX\n";
        let found = info(text);
        assert_eq!((found.mount_id(), found.inode()), (Some(27), Some(13)));
        assert_eq!(found.locks().collect::<Vec<_>>(), [b"1: FLOCK", b"2: POSIX"]);
    }

    #[test]
    fn what_is_not_there_is_unknown() {
        let found = info(b"pos:\t0\nmnt_id:\t\nino\t13\nclock:\t1\n");
        assert_eq!((found.mount_id(), found.inode()), (None, None));
        assert_eq!(found.locks().count(), 0);
    }

    #[test]
    fn a_descriptor_of_this_process_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let open = File::open(folder.path()).unwrap();
        assert!(FdInfo::of(open.as_fd()).unwrap().mount_id().is_some());
        let own = std::process::id().cast_signed();
        assert!(FdInfo::paths(own).count() > 0);
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_are_read_without_a_panic_and_hide_no_later_line(text in proptest::collection::vec(proptest::num::u8::ANY, 0..200), mount in 0_u64..) {
            proptest::prop_assume!(!text.windows(7).any(|some| some == b"mnt_id:"));
            let found = info(&[&text[..], format!("\nmnt_id:\t{mount}\n").as_bytes()].concat());
            proptest::prop_assert_eq!(found.mount_id(), Some(mount));
            let _ = (found.inode(), found.locks().count());
        }
    }
}
