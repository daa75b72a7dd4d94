//! The owner, mode and time that an archive gives to its files and folders.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{self, UtimensatFlags};
use nix::sys::time::TimeSpec;
use nix::unistd::{self, Group, User};
use tar::Header;

/// The bits of a mode, setuid, setgid and sticky among them.
const MODE_BITS: u32 = 0o7777;

/// What the header of an archive says about a file, except its name and size.
#[derive(Debug)]
pub(crate) struct Attributes {
    mode: u32,
    modified: TimeSpec,
    user: u32,
    group: u32,
}

impl Attributes {
    /// Reads a header. As in tar, the name of an owner counts if this system knows it, and the
    /// number otherwise.
    ///
    /// # Errors
    ///
    /// A number in the header is malformed, or too large for this system.
    pub(crate) fn of(header: &Header) -> io::Result<Self> {
        let user = name(header.username_bytes()).and_then(|name| User::from_name(&name).ok()?);
        let group = name(header.groupname_bytes()).and_then(|name| Group::from_name(&name).ok()?);
        Ok(Self {
            mode: header.mode()?,
            modified: time(header.mtime()?)?,
            user: user.map_or_else(|| number(header.uid()?), |user| Ok(user.uid.as_raw()))?,
            group: group.map_or_else(|| number(header.gid()?), |group| Ok(group.gid.as_raw()))?,
        })
    }

    /// Gives the attributes to a file or folder. As in tar, only root sets the owner.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub(crate) fn apply(&self, path: &Path) -> io::Result<()> {
        if unistd::geteuid().is_root() {
            std::os::unix::fs::chown(path, Some(self.user), Some(self.group))?;
        }
        fs::set_permissions(path, Permissions::from_mode(self.mode & MODE_BITS))?;
        // By path, because the new mode may keep even the owner from opening the file.
        let follow = UtimensatFlags::FollowSymlink;
        Ok(stat::utimensat(AT_FDCWD, path, &TimeSpec::UTIME_OMIT, &self.modified, follow)?)
    }
}

fn name(bytes: Option<&[u8]>) -> Option<String> {
    String::from_utf8(bytes?.to_vec()).ok().filter(|name| !name.is_empty())
}

fn number(id: u64) -> io::Result<u32> {
    u32::try_from(id).map_err(io::Error::other)
}

/// Converts seconds since 1970.
fn time(seconds: u64) -> io::Result<TimeSpec> {
    i64::try_from(seconds).map_err(io::Error::other)?;
    Ok(TimeSpec::from_duration(Duration::from_secs(seconds)))
}
