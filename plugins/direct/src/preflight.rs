//! Checks before the first change: can this user make it, and is nothing in the way?
//!
//! Which paths a recovery changes is deliberately elsewhere: `survey` and `replica` know that.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use dsnap_core::{Reason, text};
use dsnap_engine::system::access;
use nix::errno::Errno;
use nix::unistd;

use crate::journal::{is_folder, list};
use crate::reasons::unreadable;

/// Checks that every folder below `b` can be emptied into its counterpart below `a`.
pub(crate) fn check_can_empty_into(b: &Path, a: &Path) -> Result<(), Reason> {
    for entry in list(b)? {
        let counterpart = a.join(entry.file_name());
        if is_folder(&entry)? {
            access::check_can_change_entries(&entry.path())?;
            check_folder_place(a, Path::new(&entry.file_name()))?;
            check_can_empty_into(&entry.path(), &counterpart)?;
        } else {
            check_file_place(&counterpart)?;
        }
    }
    Ok(())
}

/// Checks that a folder can be removed with everything in it.
pub(crate) fn check_can_remove(folder: &Path) -> Result<(), Reason> {
    let unreadable = |error: io::Error| unreadable(folder, &error);
    let entries: Vec<_> = fs::read_dir(folder).and_then(Iterator::collect).map_err(unreadable)?;
    if !entries.is_empty() {
        access::check_can_change_entries(folder)?;
    }
    for entry in entries {
        if entry.file_type().map_err(unreadable)?.is_dir() {
            check_can_remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Checks that files can be put at these places below `root`.
pub(crate) fn check_file_places<'a>(
    root: &Path,
    places: impl Iterator<Item = &'a Path>,
) -> Result<(), Reason> {
    let mut checked = HashSet::new();
    for place in places {
        if let Some(parent) = place.parent()
            && checked.insert(parent)
        {
            check_folder_place(root, parent)?;
        }
        check_file_place(&root.join(place))?;
    }
    Ok(())
}

/// Checks that no folder is in the place of a file.
pub(crate) fn check_file_place(path: &Path) -> Result<(), Reason> {
    if !fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        return Ok(());
    }
    Err(Reason::new(format!("{} is a folder, but a file is needed there", text::path(path)))
        .hint("no server creates such a folder; find out what it is before you move it away"))
}

/// Checks that the folder at `place` below `root`, or the lowest existing one above it, takes new
/// entries.
pub(crate) fn check_folder_place(root: &Path, place: &Path) -> Result<(), Reason> {
    let mut paths = place.ancestors().map(|part| root.join(part));
    match paths.find(|path| fs::symlink_metadata(path).is_ok()) {
        Some(folder) if folder.is_dir() => access::check_can_change_entries(&folder),
        Some(other) => {
            let what = if other.is_symlink() { "a link that leads to no folder" } else { "a file" };
            let path = text::path(other);
            Err(Reason::new(format!("{path} is {what}, but a folder is needed there")))
        }
        None => Ok(()),
    }
}

/// Checks that files can be moved from one folder to the other.
pub(crate) fn check_one_file_system(one: &Path, other: &Path) -> Result<(), Reason> {
    let device = |path: &Path| {
        fs::metadata(path).map(|found| found.dev()).map_err(|error| unreadable(path, &error))
    };
    if device(one)? == device(other)? {
        return Ok(());
    }
    let (one, other) = (text::path(one), text::path(other));
    Err(Reason::new(format!("{one} and {other} are on different file systems")))
}

/// Checks that this user may change the mode and the times of a folder. Only its owner may.
pub(crate) fn check_can_set_attributes(folder: &Path) -> Result<(), Reason> {
    let user = unistd::geteuid();
    let owner = fs::metadata(folder).map_err(|error| unreadable(folder, &error))?.uid();
    if user.is_root() || user.as_raw() == owner {
        return Ok(());
    }
    Err(access::path_error(folder, "cannot be changed", &io::Error::from(Errno::EPERM)))
}
