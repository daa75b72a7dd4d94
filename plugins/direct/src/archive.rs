//! Reads the members of `journal/replica.tar`, and refuses what no replica contains.
//!
//! A replica comes from another machine or from a backup medium, and what is read of it is bounded:
//! headers by [`MAX_ARCHIVE_HEADER`], and the content of a member only where it is unpacked. Members
//! are checked each time they are read, because the archive can change in between.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Component, Path, PathBuf};

use dsnap_core::{Reason, text};
use dsnap_engine::limits::MAX_ARCHIVE_HEADER;
use dsnap_engine::storage::Folders;
use dsnap_engine::system::folder::Folder;
use tar::{Archive, Entry, EntryType};

use crate::attributes::Attributes;
use crate::listing::KeepGoing;

/// An archive ends with two blocks of zeros. This is their size in bytes.
const END_MARKER_SIZE: usize = 1024;
/// The size of a block in bytes; the content of a file is padded to whole blocks.
const BLOCK_SIZE: u64 = 512;
/// Folders that no replica contains. Their locks must not be replaced.
const NEVER_REPLICATED: [&str; 2] = ["journal", "misc"];

/// A file or folder in an archive.
pub(crate) struct Member<'a> {
    /// Where it goes, below the storage directory: one or more plain names, or none for that
    /// directory itself.
    pub(crate) place: PathBuf,
    pub(crate) is_folder: bool,
    pub(crate) attributes: Attributes,
    pub(crate) size: u64,
    pub(crate) content: &'a mut dyn Read,
}

/// Why an archive was not read to its end.
pub(crate) enum Trouble {
    /// The archive is damaged, or contains what it must not.
    InArchive(String),
    /// Something else.
    Elsewhere(Reason),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::InArchive(text::error(&error))
    }
}

impl From<String> for Trouble {
    fn from(what: String) -> Self {
        Self::InArchive(what)
    }
}

impl From<Reason> for Trouble {
    fn from(reason: Reason) -> Self {
        Self::Elsewhere(reason)
    }
}

/// Hands each file and folder of an archive to `each`. Passes over their contents without reading
/// them.
///
/// # Errors
///
/// The archive is damaged, contains anything but files and folders below the storage, or has no end
/// marker; or `keep_going` or `each` failed.
pub(crate) fn read_members(
    mut file: &File,
    keep_going: KeepGoing<'_>,
    each: &mut dyn FnMut(Member<'_>) -> Result<(), Reason>,
) -> Result<(), Trouble> {
    let length = file.metadata()?.len();
    file.rewind()?;
    let readable = Cell::new(0);
    let mut archive = Archive::new(Bounded { file, readable: &readable });
    let mut members = archive.entries_with_seek()?;
    let mut end = 0;
    loop {
        keep_going()?;
        readable.set(MAX_ARCHIVE_HEADER);
        let Some(member) = members.next() else { break };
        let mut member = member?;
        check_kind(&member)?;
        end = end_of(&member, length)?;
        if member.header().entry_type() == EntryType::XGlobalHeader {
            continue;
        }
        readable.set(member.size());
        each(Member {
            place: place_of(&member)?,
            is_folder: member.header().entry_type().is_dir(),
            attributes: Attributes::of(member.header())?,
            size: member.size(),
            content: &mut member,
        })?;
    }
    if has_end_marker(file, end) {
        return Ok(());
    }
    Err("the archive has no end marker".to_owned().into())
}

/// Finds the folder of a storage in which a place is, and the rest of the way from there. The
/// folders of a storage may be links, but nothing else on the way.
pub(crate) fn folder_of<'a>(folders: &'a Folders, place: &'a Path) -> (&'a Folder, &'a Path) {
    let Folders { dir, a, b, config, .. } = folders;
    let mut parts = place.components();
    let folder = match parts.next().and_then(|first| first.as_os_str().to_str()) {
        Some("A") => Some(a),
        Some("B") => Some(b),
        Some("config") => config.as_ref(),
        _ => None,
    };
    folder.map_or((dir, place), |folder| (folder, parts.as_path()))
}

/// Says whether a member would become `config/snapshot.conf`, in which each line can make dsnap run
/// a program. Some file systems take no notice of case.
pub(crate) fn is_conf(place: &Path) -> bool {
    let mut parts = place.components().map(Component::as_os_str);
    let mut next_is = |name| parts.next().is_some_and(|part| part.eq_ignore_ascii_case(name));
    next_is("config") && next_is("snapshot.conf")
}

/// A file of which no more than so many bytes can be read: a header may announce a name of
/// gigabytes, and names are read into memory.
struct Bounded<'a> {
    file: &'a File,
    readable: &'a Cell<u64>,
}

impl Read for Bounded<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let readable = usize::try_from(self.readable.get()).unwrap_or(usize::MAX);
        if readable == 0 && !into.is_empty() {
            let what = format!("a header is larger than {MAX_ARCHIVE_HEADER} bytes");
            return Err(io::Error::other(what));
        }
        let most = into.len().min(readable);
        let read = self.file.read(&mut into[..most])?;
        self.readable.set(self.readable.get().saturating_sub(read as u64));
        Ok(read)
    }
}

impl Seek for Bounded<'_> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Checks that a member is something that a replica contains.
fn check_kind(member: &Entry<'_, impl Read>) -> Result<(), String> {
    match member.header().entry_type() {
        EntryType::Regular
        | EntryType::Continuous
        | EntryType::Directory
        | EntryType::XGlobalHeader => Ok(()),
        _ => Err(problem(member, "is neither a file nor a folder")),
    }
}

/// Returns where the content of a member ends. Refuses at once a member of which the archive cannot
/// contain everything.
fn end_of(member: &Entry<'_, impl Read>, length: u64) -> Result<u64, String> {
    let end = member.raw_file_position().checked_add(member.size());
    match end.filter(|end| *end <= length) {
        Some(end) => Ok(end.next_multiple_of(BLOCK_SIZE)),
        None => Err(problem(member, "is larger than the rest of the archive")),
    }
}

/// Returns the place of a member in the storage.
fn place_of(member: &Entry<'_, impl Read>) -> Result<PathBuf, String> {
    let path = member.path().map_err(|_| problem(member, "has an unusable name"))?;
    if member.path_bytes().contains(&0) {
        return Err(problem(member, "has an unusable name"));
    }
    let parts = path.components().filter(|part| *part != Component::CurDir);
    let place: PathBuf = parts.collect();
    let is_folder = member.header().entry_type().is_dir();
    place_problem(&place, is_folder).map_or(Ok(place), |what| Err(problem(member, what)))
}

/// Says why no replica has a member at this place, if that is so.
fn place_problem(place: &Path, is_folder: bool) -> Option<&'static str> {
    let mut parts = place.components();
    if !parts.clone().all(|part| matches!(part, Component::Normal(_))) {
        return Some("is outside the storage");
    }
    let Some(first) = parts.next().map(Component::as_os_str) else {
        return (!is_folder).then_some("has no name");
    };
    if NEVER_REPLICATED.iter().any(|folder| first.eq_ignore_ascii_case(folder)) {
        return Some("does not belong in a replica");
    }
    let is_whole = parts.next().is_none();
    // After an interrupted unpacking, the next recovery could not tell such files from those of a server.
    if first.eq_ignore_ascii_case("B") && !is_whole {
        return Some("does not belong in a replica");
    }
    if is_whole && !is_folder && ["A", "B", "config"].iter().any(|folder| first == *folder) {
        return Some("is a file, but must be a folder");
    }
    None
}

fn problem(member: &Entry<'_, impl Read>, what: &str) -> String {
    let name = text::harmless(String::from_utf8_lossy(&member.path_bytes()).as_ref());
    format!("its member `{name}` {what}")
}

fn has_end_marker(mut file: &File, end: u64) -> bool {
    let mut tail = [1; END_MARKER_SIZE];
    let read = file.seek(io::SeekFrom::Start(end)).and_then(|_| file.read_exact(&mut tail));
    read.is_ok() && tail == [0; END_MARKER_SIZE]
}

#[cfg(test)]
mod properties;
