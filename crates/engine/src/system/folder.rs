//! Folders that are opened once. Everything in them is reached through their descriptors.
//!
//! A path can lead elsewhere a moment after it was judged; a descriptor cannot. The path of a
//! [`Folder`] is only for messages.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use dsnap_core::Reason;
use rustix::fs::{
    Access, AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT,
};

use crate::system::{access, modes, open, reading};

pub use listing::Listed;

mod listing;

/// The user to whom a tree of folders belongs, and the group that new entries get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The id of the user.
    pub user: u32,
    /// The id of the group.
    pub group: u32,
}

/// A folder, opened once. A clone stands for the same descriptor.
#[derive(Debug, Clone)]
pub struct Folder(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    fd: File,
    path: PathBuf,
    owner: Owner,
    /// Whether the system gave a new folder in this one the right mode and group. Then it gives them to all.
    new_folders_fit: AtomicBool,
}

impl Folder {
    /// Opens the folder at `path`, wherever links on the way lead.
    ///
    /// # Errors
    ///
    /// There is no such folder, or it cannot be reached.
    pub fn open(path: &Path) -> io::Result<Self> {
        let fd = open::folder_at(path)?;
        let found = fd.metadata()?;
        let owner = Owner { user: found.uid(), group: found.gid() };
        Ok(Self::opened(fd, path.to_owned(), owner))
    }

    /// Returns the same folder as part of a tree of that owner.
    pub(crate) fn of(&self, owner: Owner) -> io::Result<Self> {
        Ok(Self::opened(self.0.fd.try_clone()?, self.0.path.clone(), owner))
    }

    fn opened(fd: File, path: PathBuf, owner: Owner) -> Self {
        Self(Arc::new(Opened { fd, path, owner, new_folders_fit: AtomicBool::new(false) }))
    }

    /// Returns the path under which the folder was opened, for messages.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Returns to whom the tree belongs that this folder is part of.
    pub fn owner(&self) -> Owner {
        self.0.owner
    }

    /// Returns what the system knows of the folder itself.
    ///
    /// # Errors
    ///
    /// The system does not tell.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.0.fd.metadata()
    }

    /// Says whether the folder's path still leads to it.
    pub(crate) fn is_in_place(&self) -> bool {
        let ours = open::identity(self.as_fd());
        let there = open::identity_at(CWD, &self.0.path, AtFlags::empty());
        matches!((ours, there), (Ok(ours), Ok(there)) if ours == there)
    }

    /// Returns device and inode of an entry, of a link itself. This takes one system call, and
    /// [`look`](Self::look) three.
    pub(crate) fn identity_of(&self, name: &str) -> io::Result<(u64, u64)> {
        open::identity_at(self.as_fd(), name.as_ref(), AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Looks at an entry, at a link itself.
    ///
    /// # Errors
    ///
    /// There is no such entry, or the folder may not be searched.
    pub fn look(&self, name: impl AsRef<Path>) -> io::Result<Metadata> {
        let (folder, name) = self.parent_of(name.as_ref())?;
        open::stand_for(folder.0.fd.as_fd(), name)?.metadata()
    }

    /// Tells whether an entry is a folder; a link to one is not. Asks the system once only, because a
    /// recovery asks this for every file.
    ///
    /// # Errors
    ///
    /// There is no such entry, or the folder may not be searched.
    pub fn is_folder(&self, name: &OsStr) -> io::Result<bool> {
        let found = rustix::fs::statat(&self.0.fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(FileType::from_raw_mode(found.st_mode) == FileType::Directory)
    }

    /// Opens the folder at `place` below this one. No part of `place` may be a link.
    ///
    /// # Errors
    ///
    /// There is no such folder, a part of `place` is a link, or the folder cannot be reached.
    pub fn folder(&self, place: impl AsRef<Path>) -> io::Result<Self> {
        let place = place.as_ref();
        if place.as_os_str().is_empty() {
            return Ok(self.clone());
        }
        let fd = open::folder_below(self.0.fd.as_fd(), place)?;
        Ok(Self::opened(fd, self.0.path.join(place), self.0.owner))
    }

    /// Opens the folder to which a link leads that is an entry of this one.
    pub(crate) fn linked_folder(&self, name: &str) -> io::Result<Self> {
        let fd = open::stand_for_target(self.as_fd(), Path::new(name))?;
        if !fd.metadata()?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self::opened(fd, self.0.path.join(name), self.0.owner))
    }

    /// Opens a regular file for reading.
    ///
    /// # Errors
    ///
    /// It cannot be opened, or is not a regular file. Links are not followed.
    pub fn file(&self, name: impl AsRef<Path>) -> io::Result<File> {
        self.open_file(name.as_ref(), OFlags::RDONLY, 0)
    }

    /// Reads a whole regular file.
    ///
    /// # Errors
    ///
    /// As for [`file`](Self::file), or it is larger than `max_size` bytes.
    pub fn read(&self, name: impl AsRef<Path>, max_size: u64) -> io::Result<Vec<u8>> {
        let content = reading::read_up_to(self.file(name)?, max_size + 1)?;
        if content.len() as u64 > max_size {
            return Err(io::Error::other(format!("larger than {max_size} bytes")));
        }
        Ok(content)
    }

    /// Opens a regular file for reading and writing.
    pub(crate) fn file_to_change(&self, name: &str) -> io::Result<File> {
        self.open_file(name.as_ref(), OFlags::RDWR, 0)
    }

    /// Makes a new regular file for reading and writing, with `mode` less the umask and, where the
    /// user may give it, the group of the tree.
    ///
    /// # Errors
    ///
    /// There is such an entry, or the folder may not be changed.
    pub fn create(&self, name: impl AsRef<Path>, mode: u32) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        let file = self.open_file(name.as_ref(), flags, mode)?;
        // If the system refuses, the file keeps the user's own group.
        let _ = fchown(&file, None, Some(self.0.owner.group));
        Ok(file)
    }

    fn open_file(&self, name: &Path, flags: OFlags, mode: u32) -> io::Result<File> {
        let (folder, name) = self.parent_of(name)?;
        let fd = open::open_at(folder.0.fd.as_fd(), name, flags | OFlags::NOFOLLOW, mode);
        open::regular(fd.map_err(link_is_no_file)?)
    }

    /// Makes a folder and its missing parents, each with the mode of the folder it is in. Returns
    /// it.
    ///
    /// # Errors
    ///
    /// The system refuses, or something in the way is not a folder.
    pub fn make_folders(&self, place: impl AsRef<Path>) -> io::Result<Self> {
        let place = place.as_ref();
        match self.folder(place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
        let mut here = self.clone();
        for part in place.components() {
            here = here.folder_or_new(Path::new(part.as_os_str()))?;
        }
        Ok(here)
    }

    fn folder_or_new(&self, name: &Path) -> io::Result<Self> {
        match self.folder(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.new_folder(name),
            opened => opened,
        }
    }

    /// Makes a folder with the mode of its parent, and returns it.
    ///
    /// # Errors
    ///
    /// There is such an entry, or the system refuses.
    pub fn new_folder(&self, name: impl AsRef<Path>) -> io::Result<Self> {
        let name = name.as_ref();
        rustix::fs::mkdirat(&self.0.fd, name, Mode::from_raw_mode(modes::FOLDER))?;
        let made = self.folder(name)?;
        // A recovery makes many folders.
        if self.0.new_folders_fit.load(Ordering::Relaxed) {
            return Ok(made);
        }
        let (parent, group) = (self.metadata()?, self.0.owner.group);
        if modes::is_folder_like(&made.metadata()?, &parent, group) {
            self.0.new_folders_fit.store(true, Ordering::Relaxed);
        } else {
            modes::make_folder_like(&open::reopen(made.0.fd.as_fd())?, &parent, group);
        }
        Ok(made)
    }

    /// Gives the folder itself an owner, permissions and a time of its last change. Bits such as
    /// setgid, which `permissions` does not contain, stay as they are.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn set_attributes(
        &self,
        owner: Option<Owner>,
        permissions: u32,
        modified: SystemTime,
    ) -> io::Result<()> {
        // Through /proc, because the mode may keep even the owner from opening the folder.
        let path = open::descriptor_path(self.as_fd());
        if let Some(Owner { user, group }) = owner {
            std::os::unix::fs::chown(&path, Some(user), Some(group))?;
        }
        let mode = (self.metadata()?.mode() & !modes::ACCESS) | (permissions & modes::ACCESS);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode & 0o7777))?;
        let seconds = modified.duration_since(UNIX_EPOCH).map_err(io::Error::other)?.as_secs();
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec {
                tv_sec: i64::try_from(seconds).map_err(io::Error::other)?,
                tv_nsec: 0,
            },
        };
        Ok(rustix::fs::utimensat(rustix::fs::CWD, &path, &times, AtFlags::empty())?)
    }

    /// Moves an entry to a folder, where it replaces the file of that name.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn rename(
        &self,
        name: impl AsRef<Path>,
        to: &Self,
        new_name: impl AsRef<Path>,
    ) -> io::Result<()> {
        let flags = RenameFlags::empty();
        Ok(rustix::fs::renameat_with(
            &self.0.fd,
            name.as_ref(),
            &to.0.fd,
            new_name.as_ref(),
            flags,
        )?)
    }

    /// Removes an entry that is not a folder.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn remove_file(&self, name: impl AsRef<Path>) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0.fd, name.as_ref(), AtFlags::empty())?)
    }

    /// Removes an empty folder.
    ///
    /// # Errors
    ///
    /// It is not empty, or the system refuses.
    pub fn remove_folder(&self, name: impl AsRef<Path>) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0.fd, name.as_ref(), AtFlags::REMOVEDIR)?)
    }

    /// Puts the entries of the folder on disk.
    ///
    /// # Errors
    ///
    /// The folder may not be read, or the system cannot sync it.
    pub fn sync(&self) -> io::Result<()> {
        open::reopen(self.0.fd.as_fd())?.sync_all()
    }

    /// Puts everything written so far to the file system of the folder on disk.
    ///
    /// # Errors
    ///
    /// As for [`sync`](Self::sync).
    pub fn sync_file_system(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(open::reopen(self.0.fd.as_fd())?)?)
    }

    /// Checks that the effective user may make, rename and remove entries.
    ///
    /// # Errors
    ///
    /// The user may not; the hint says what cures it.
    pub fn check_can_change_entries(&self) -> Result<(), Reason> {
        let access = Access::WRITE_OK | Access::EXEC_OK;
        rustix::fs::accessat(&self.0.fd, ".", access, AtFlags::EACCESS)
            .map_err(|error| self.error("", "cannot be changed", &error.into()))
    }

    /// Explains an error on an entry; with an empty name, on the folder itself. `what` continues
    /// the sentence (`cannot be read`).
    pub fn error(&self, name: impl AsRef<Path>, what: &str, error: &io::Error) -> Reason {
        access::path_error(&self.path_of(name), self.0.owner.user, what, error)
    }

    /// Returns the path of an entry, for messages; with an empty name, of the folder itself.
    pub fn path_of(&self, name: impl AsRef<Path>) -> PathBuf {
        let name = name.as_ref();
        if name.as_os_str().is_empty() { self.0.path.clone() } else { self.0.path.join(name) }
    }

    /// Opens the folder in which an entry is, if its name has several parts.
    fn parent_of<'a>(&self, name: &'a Path) -> io::Result<(Self, &'a Path)> {
        let mut parts = name.components();
        match (parts.next_back(), parts.as_path()) {
            (Some(Component::Normal(last)), above) => Ok((self.folder(above)?, last.as_ref())),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.fd.as_fd()
    }
}

/// Says in words what the system means by `ELOOP`.
fn link_is_no_file(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
        return io::Error::other("it is a symbolic link, which dsnap does not follow here");
    }
    error
}

#[cfg(test)]
mod tests;
