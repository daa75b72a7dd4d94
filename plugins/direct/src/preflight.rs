//! Checks before the first change: can this user make it, and is nothing in the way?
//!
//! Which paths a recovery changes is deliberately elsewhere: `survey` and `replica` know that.

use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use dsnap_core::{Reason, text};
use dsnap_engine::limits::MAX_FOLDER_DEPTH;
use dsnap_engine::system::folder::{Folder, Listed};
use nix::errno::Errno;
use nix::unistd;

use crate::destination::folder_and_name;
use crate::listing::{KeepGoing, entries, entries_without_marks, in_pieces};
use crate::reasons::unreadable;
use crate::recent::Recent;

/// Checks that every folder below `b` can be emptied into its counterpart below `a`, if that exists.
/// Returns how many files there are.
pub(crate) fn check_can_empty_into(
    b: &Folder,
    a: Option<&Folder>,
    depth: u32,
    keep_going: KeepGoing<'_>,
) -> Result<u64, Reason> {
    check_depth(b, depth)?;
    let mut files = 0;
    in_pieces(entries_without_marks(b, keep_going)?, |piece| {
        for Listed { name, is_folder } in piece {
            if is_folder {
                let below = open(b, &name)?;
                below.check_can_change_entries()?;
                let counterpart = a.map(|a| check_folder_place(a, name.as_ref())).transpose()?;
                let counterpart = counterpart.flatten();
                files += check_can_empty_into(&below, counterpart.as_ref(), depth + 1, keep_going)?;
            } else {
                a.map_or(Ok(()), |a| check_file_place(a, &name))?;
                files += 1;
            }
        }
        Ok(())
    })?;
    Ok(files)
}

/// Checks that a folder can be removed with everything in it.
pub(crate) fn check_can_remove(
    folder: &Folder,
    depth: u32,
    keep_going: KeepGoing<'_>,
) -> Result<(), Reason> {
    check_depth(folder, depth)?;
    in_pieces(entries(folder, keep_going)?, |piece| {
        if !piece.is_empty() {
            folder.check_can_change_entries()?;
        }
        for Listed { name, .. } in piece.iter().filter(|entry| entry.is_folder) {
            check_can_remove(&open(folder, name)?, depth + 1, keep_going)?;
        }
        Ok(())
    })?;
    Ok(())
}

/// The folders of the last checked files, if they exist.
#[derive(Debug, Default)]
pub(crate) struct FilePlaces {
    folders: Recent<Option<Folder>>,
}

impl FilePlaces {
    /// Checks that a file can be put at this place below `root`. Returns whether its folder exists.
    pub(crate) fn check(&mut self, root: &Folder, place: &Path) -> Result<bool, Reason> {
        let (parent, name) = folder_and_name(place);
        let folder = check_new(&mut self.folders, root, parent)?;
        folder.as_ref().map_or(Ok(()), |folder| check_file_place(folder, name))?;
        Ok(folder.is_some())
    }
}

/// Checks that no folder is in the place of a file.
pub(crate) fn check_file_place(folder: &Folder, name: &OsStr) -> Result<(), Reason> {
    match folder.is_folder(name) {
        Ok(true) => {
            let path = text::path(folder.path_of(name));
            Err(Reason::new(format!("{path} is a folder, but a file is needed there")).hint(
                "no server creates such a folder; find out what it is before you move it away",
            ))
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(folder.error(name, "cannot be reached", &error))
        }
        _ => Ok(()),
    }
}

/// Checks that the folder at `place` below `root`, or the lowest existing one above it, takes new
/// entries. Returns the folder at `place`, if it exists.
pub(crate) fn check_folder_place(root: &Folder, place: &Path) -> Result<Option<Folder>, Reason> {
    check_new(&mut Recent::default(), root, place)
}

/// Does the same, but for the places that were just looked at.
fn check_new(
    folders: &mut Recent<Option<Folder>>,
    root: &Folder,
    place: &Path,
) -> Result<Option<Folder>, Reason> {
    folders.get(root, place, |folders| match root.folder(place) {
        Ok(folder) => folder.check_can_change_entries().map(|()| Some(folder)),
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                check_not_in_the_way(root, place, &error)?;
            }
            place.parent().map_or(Ok(None), |above| check_new(folders, root, above))?;
            Ok(None)
        }
    })
}

/// Says that something else than a folder is at `place`, where one could not be opened, unless what
/// is in the way is above.
fn check_not_in_the_way(root: &Folder, place: &Path, error: &io::Error) -> Result<(), Reason> {
    let is_above = [Errno::ENOTDIR, Errno::ELOOP].map(|errno| Some(errno as i32));
    let found = match root.look(place) {
        Ok(found) if !found.is_dir() => found,
        Err(error) if is_above.contains(&error.raw_os_error()) => return Ok(()),
        _ => return Err(root.error(place, "cannot be reached", error)),
    };
    let path = text::path(root.path_of(place));
    if found.is_symlink() {
        let what = format!("{path} is a symbolic link, but a folder is needed there");
        return Err(Reason::new(what).hint(
            "dsnap follows no link below A, B, journal and misc: put the folder itself there",
        ));
    }
    Err(Reason::new(format!("{path} is a file, but a folder is needed there")))
}

/// A folder into which many files go, and its file system.
pub(crate) struct Target<'a> {
    folder: &'a Folder,
    device: u64,
}

impl<'a> Target<'a> {
    /// Asks for the file system of a folder.
    pub(crate) fn of(folder: &'a Folder) -> Result<Self, Reason> {
        Ok(Self { folder, device: device(folder)? })
    }

    /// Checks that files can be moved here from another folder.
    pub(crate) fn check_can_take_from(&self, other: &Folder) -> Result<(), Reason> {
        if device(other)? == self.device {
            return Ok(());
        }
        let (one, other) = (text::path(other.path()), text::path(self.folder.path()));
        Err(Reason::new(format!("{one} and {other} are on different file systems")))
    }
}

fn device(folder: &Folder) -> Result<u64, Reason> {
    folder.metadata().map(|found| found.dev()).map_err(|error| unreadable(folder, "", &error))
}

/// Checks that this user may change the mode and the times of a folder. Only its owner may.
pub(crate) fn check_can_set_attributes(folder: &Folder) -> Result<(), Reason> {
    let user = unistd::geteuid();
    let owner = folder.metadata().map_err(|error| unreadable(folder, "", &error))?.uid();
    if user.is_root() || user.as_raw() == owner {
        return Ok(());
    }
    Err(folder.error("", "cannot be changed", &io::Error::from(Errno::EPERM)))
}

/// Opens a folder that was listed.
pub(crate) fn open(parent: &Folder, name: &OsStr) -> Result<Folder, Reason> {
    parent.folder(name).map_err(|error| unreadable(parent, name, &error))
}

/// Checks that folders are not nested so deep that the descriptors of this process do not suffice.
fn check_depth(folder: &Folder, depth: u32) -> Result<(), Reason> {
    if depth <= MAX_FOLDER_DEPTH {
        return Ok(());
    }
    let path = text::path(folder.path());
    Err(Reason::new(format!("{path} is nested more than {MAX_FOLDER_DEPTH} folders deep"))
        .hint("no server creates such folders; find out what they are before you move them away"))
}
