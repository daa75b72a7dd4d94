//! The owner, mode and time that an archive gives to its files and folders.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dsnap_engine::system::folder::{Folder, Owner};
use nix::unistd::{self, Group, User};
use tar::Header;

/// The permissions in a mode. A replica that brings setuid, setgid or sticky bits could give its
/// author the rights of the user who unpacks it.
const PERMISSIONS: u32 = 0o777;

/// What the header of an archive says about a file, except its name and size.
#[derive(Debug)]
pub(crate) struct Attributes {
    permissions: u32,
    modified: SystemTime,
    /// Only for root: as in tar, no other user sets the owner.
    owner: Option<Owner>,
}

impl Attributes {
    /// Reads a header. As in tar, the name of an owner counts if this system knows it, and the
    /// number otherwise.
    ///
    /// # Errors
    ///
    /// A number in the header is malformed, or too large for this system.
    pub(crate) fn of(header: &Header) -> io::Result<Self> {
        let owner = unistd::geteuid().is_root().then(|| owner(header)).transpose()?;
        let permissions = header.mode()? & PERMISSIONS;
        Ok(Self { permissions, modified: time(header.mtime()?)?, owner })
    }

    /// Gives the attributes to a file.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub(crate) fn apply_to_file(&self, file: &File) -> io::Result<()> {
        if let Some(Owner { user, group }) = self.owner {
            unistd::fchown(file, Some(user.into()), Some(group.into()))?;
        }
        file.set_permissions(Permissions::from_mode(self.permissions))?;
        file.set_modified(self.modified)
    }

    /// Gives the attributes to a folder. A setgid bit that it inherited stays.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub(crate) fn apply_to_folder(&self, folder: &Folder) -> io::Result<()> {
        folder.set_attributes(self.owner, self.permissions, self.modified)
    }
}

/// A folder of an archive, which gets its attributes when everything is in it.
#[derive(Debug)]
pub(crate) struct NewFolder {
    /// Its place below the storage directory.
    pub(crate) place: PathBuf,
    pub(crate) attributes: Attributes,
}

impl NewFolder {
    /// Returns how many bytes one of them takes.
    pub(crate) fn size_in_memory(place: &Path) -> usize {
        size_of::<Self>() + place.as_os_str().len()
    }
}

fn owner(header: &Header) -> io::Result<Owner> {
    let user = name(header.username_bytes()).and_then(|name| User::from_name(&name).ok()?);
    let group = name(header.groupname_bytes()).and_then(|name| Group::from_name(&name).ok()?);
    Ok(Owner {
        user: user.map_or_else(|| number(header.uid()?), |user| Ok(user.uid.as_raw()))?,
        group: group.map_or_else(|| number(header.gid()?), |group| Ok(group.gid.as_raw()))?,
    })
}

fn name(bytes: Option<&[u8]>) -> Option<String> {
    String::from_utf8(bytes?.to_vec()).ok().filter(|name| !name.is_empty())
}

/// Converts an id. The largest number is not an id: the system takes it for "leave it as it is".
fn number(id: u64) -> io::Result<u32> {
    let id = u32::try_from(id).ok().filter(|id| *id != u32::MAX);
    id.ok_or_else(|| io::Error::other("the number of an owner is too large"))
}

/// Converts seconds since 1970.
fn time(seconds: u64) -> io::Result<SystemTime> {
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    time.ok_or_else(|| io::Error::other("the time of a change is too large"))
}
