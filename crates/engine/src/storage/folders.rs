//! The folders of a storage, opened once; any of them may be a link to another disk.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use dsnap_core::{Reason, text};

use crate::quoting;
use crate::storage::MAIN;
use crate::system::access;
use crate::system::folder::{Folder, Owner};
use crate::system::users::user_name;

/// The opened folders of a storage. Any but the first may be a link to another disk.
#[derive(Debug, Clone)]
pub struct Folders {
    /// The storage directory itself.
    pub dir: Folder,
    /// `A/`.
    pub a: Folder,
    /// `B/`.
    pub b: Folder,
    /// `journal/`.
    pub journal: Folder,
    /// `misc/`.
    pub misc: Folder,
    /// `config/`, if it can be opened.
    pub config: Option<Folder>,
}

impl Folders {
    /// Opens the folders of the storage at the absolute path `root`, which the user gave as `dir`.
    pub(super) fn open(root: &Path, dir: &Path) -> Result<Self, Reason> {
        let (dir, a) = main_folder(root).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => cannot_be_opened(root, &error),
            _ => not_a_storage(dir),
        })?;
        let mut unusable = Vec::new();
        let mut open = |name: &'static str| match open_entry(&dir, name) {
            Ok(folder) => Ok(Some(folder)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(dir.error(name, "cannot be reached", &error))
            }
            Err(_) => {
                unusable.push(name);
                Ok(None)
            }
        };
        let (b, journal, misc) = (open("B")?, open("journal")?, open("misc")?);
        let (Some(b), Some(journal), Some(misc)) = (b, journal, misc) else {
            return Err(missing(&dir, unusable));
        };
        let config = open_entry(&dir, "config").ok();
        Ok(Self { dir, a, b, journal, misc, config })
    }

    /// Returns `config/`, opened.
    pub(super) fn config(&self) -> io::Result<Folder> {
        self.config.clone().map_or_else(|| open_entry(&self.dir, "config"), Ok)
    }

    /// Checks that no folder is a link by which another user chooses where root or the owner works.
    pub(super) fn check_links(&self) -> Result<(), Reason> {
        let others = [&self.b, &self.journal, &self.misc].into_iter().chain(&self.config);
        others.into_iter().try_for_each(|folder| check_link(&self.dir, folder))
    }
}

/// Opens the storage directory and its main folder, which says to whom all of them belong.
fn main_folder(root: &Path) -> io::Result<(Folder, Folder)> {
    let dir = Folder::open(root)?;
    let a = open_entry(&dir, MAIN)?;
    let found = a.metadata()?;
    let owner = Owner { user: found.uid(), group: found.gid() };
    Ok((dir.of(owner)?, a.of(owner)?))
}

/// Opens a folder of the storage, which may be a link.
fn open_entry(dir: &Folder, name: &str) -> io::Result<Folder> {
    match dir.folder(name) {
        Err(_) if dir.look(name)?.is_symlink() => dir.linked_folder(name),
        opened => opened,
    }
}

fn check_link(dir: &Folder, folder: &Folder) -> Result<(), Reason> {
    let (owner, shown) = (dir.owner().user, text::path(folder.path()));
    let failed = |error: io::Error| Reason::new(format!("{shown}: {}", text::error(&error)));
    let Some(name) = folder.path().file_name() else { return Ok(()) };
    let (link, target) = (dir.look(name).map_err(failed)?, folder.metadata().map_err(failed)?);
    if !link.is_symlink() || ([0, owner].contains(&link.uid()) && target.uid() == owner) {
        return Ok(());
    }
    let (link, target) = (user_name(link.uid()), user_name(target.uid()));
    Err(Reason::new(format!("{shown} is a link of {link} to a folder of {target}")).hint(format!(
        "remove the link unless you know why it is there; it must belong to root or {owner}, and lead to a folder of {owner}",
        owner = user_name(owner)
    )))
}

fn cannot_be_opened(root: &Path, error: &io::Error) -> Reason {
    let owner = fs::symlink_metadata(root).map_or(0, |found| found.uid());
    access::path_error(&root.join(MAIN), owner, "cannot be reached", error)
}

fn not_a_storage(dir: &Path) -> Reason {
    Reason::new(format!("{} is not a DirectoryStorage directory", text::path(dir)))
        .hint("--storage takes the folder that contains A, B, config, journal and misc")
}

/// Says which folders a storage needs beside `A/`. The hint is the command for a storage restored
/// from `A/` and `config/`, or says what is in the way.
fn missing(dir: &Folder, mut unusable: Vec<&str>) -> Reason {
    let first = text::path(dir.path_of(unusable.first().copied().unwrap_or_default()));
    let reason = Reason::new(format!("{first} is missing or is not a folder"));
    let in_the_way: Vec<_> = unusable.iter().filter_map(|name| in_the_way(dir, name)).collect();
    let reason = in_the_way.into_iter().fold(reason, Reason::hint);
    // `mkdir` fails where something is in the way.
    unusable.retain(|name| dir.look(name).is_err());
    if unusable.is_empty() {
        return reason;
    }
    let paths: Vec<_> = unusable.iter().map(|name| dir.path_of(name).into_os_string()).collect();
    let words = paths.iter().map(|path| path.as_os_str());
    let mkdir = quoting::command_line(std::iter::once(OsStr::new("mkdir")).chain(words));
    reason.hint(format!("a storage restored from A and config needs: {mkdir}"))
}

/// Says what to do about something that is in the way of a folder, if something is.
fn in_the_way(dir: &Folder, name: &str) -> Option<String> {
    let (found, path) = (dir.look(name).ok()?, dir.path_of(name));
    let shown = text::path(&path);
    if !found.is_symlink() {
        let mv = ["mv".as_ref(), path.as_os_str(), OsStr::new("/some/other/place")];
        let mv = access::as_owner(&quoting::command_line(mv));
        return Some(format!("find out what {shown} is, move it away ({mv}), and create a folder"));
    }
    let target = text::path(fs::read_link(&path).ok()?);
    Some(format!(
        "{shown} is a link to {target}, which is not a folder: mount or create it, or correct the link"
    ))
}
