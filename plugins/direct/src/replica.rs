//! `journal/replica.tar`: what the replication tool fetched and has not unpacked yet.
//!
//! The whole archive is read before any of it is used. It may contain only regular files and
//! folders below the storage directory, and it must have an end marker. Unpacking it is
//! deliberately elsewhere: in `unpack`.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::{Component, Path, PathBuf};

use dsnap_core::{Reason, text};
use dsnap_engine::storage::Storage;
use dsnap_engine::system::reading;
use tar::{Archive, Entry, EntryType};

use crate::attributes::Attributes;
use crate::preflight::{
    check_can_set_attributes, check_file_place, check_file_places, check_folder_place,
    check_one_file_system,
};
use crate::reasons::{at, unreadable};

/// An archive ends with two blocks of zeros. This is their size in bytes.
const END_MARKER_SIZE: usize = 1024;
/// The size of a block in bytes; the content of a file is padded to whole blocks.
const BLOCK_SIZE: u64 = 512;
/// Folders that no replica contains. Their locks must not be replaced.
const NEVER_REPLICATED: [&str; 2] = ["journal", "misc"];

/// An archive that was read to its end and found good.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) path: PathBuf,
    /// Places of the files, below the storage directory.
    pub(crate) files: Vec<PathBuf>,
    /// Places of those folders that are members of the archive.
    pub(crate) folders: Vec<PathBuf>,
}

impl Replica {
    /// Reads and checks the whole archive.
    ///
    /// # Errors
    ///
    /// The archive is damaged, or contains anything but files and folders below the storage.
    pub(crate) fn read(path: PathBuf) -> Result<Self, Reason> {
        let mut file = reading::open(&path).map_err(|error| unreadable(&path, &error))?;
        let mut replica = Self { path, files: Vec::new(), folders: Vec::new() };
        replica.read_members(&mut file).map_err(|error| {
            Reason::new(at(&replica.path, error)).hint(
                "the archive is left over from replication: move it out of journal/ and replicate again; nothing else is lost",
            )
        })?;
        Ok(replica)
    }

    fn read_members(&mut self, file: &mut File) -> Result<(), Box<dyn Error>> {
        let mut archive = Archive::new(&mut *file);
        let mut end = 0;
        for member in archive.entries()? {
            let mut member = member?;
            check_member(&member)?;
            Attributes::of(member.header())?;
            let size = io::copy(&mut member, &mut io::sink())?;
            if size != member.size() {
                return Err("the archive ends in the middle of a file".into());
            }
            end = member.raw_file_position() + size.next_multiple_of(BLOCK_SIZE);
            let place = member.path()?.into_owned();
            match member.header().entry_type() {
                EntryType::XGlobalHeader => {}
                EntryType::Directory => self.folders.push(place),
                _ => self.files.push(place),
            }
        }
        if has_end_marker(file, end) { Ok(()) } else { Err("the archive has no end marker".into()) }
    }

    /// Checks that every member can be unpacked, and the archive moved away.
    ///
    /// # Errors
    ///
    /// Something is in the way, or a permission is missing.
    pub(crate) fn check_access(&self, storage: &Storage) -> Result<(), Reason> {
        check_one_file_system(&storage.journal(), &storage.misc()).map_err(|reason| {
            reason.hint("journal/replica.tar becomes misc/replica.previous: put both folders on one file system")
        })?;
        check_file_place(&previous_replica(storage))?;
        let root = storage.root();
        for folder in &self.folders {
            let path = root.join(folder);
            match fs::symlink_metadata(&path) {
                Ok(_) if path.is_dir() => check_can_set_attributes(&path)?,
                _ => check_folder_place(root, folder)?,
            }
        }
        check_file_places(root, self.files.iter().map(PathBuf::as_path))
    }
}

/// Returns where an archive goes once it is unpacked.
pub(crate) fn previous_replica(storage: &Storage) -> PathBuf {
    storage.misc().join("replica.previous")
}

/// Checks that a member is something that a replica contains.
fn check_member(member: &Entry<'_, impl Read>) -> Result<(), String> {
    let problem = match member.header().entry_type() {
        EntryType::Regular | EntryType::Continuous | EntryType::Directory => match member.path() {
            Ok(path) => path_problem(&path, member.header().entry_type().is_dir()),
            Err(_) => Some("has an unusable name"),
        },
        EntryType::XGlobalHeader => None,
        _ => Some("is neither a file nor a folder"),
    };
    let Some(problem) = problem else { return Ok(()) };
    let name = text::harmless(String::from_utf8_lossy(&member.path_bytes()).as_ref());
    Err(format!("its member `{name}` {problem}"))
}

/// Says why no replica has a member at this path, if that is so.
fn path_problem(path: &Path, is_folder: bool) -> Option<&'static str> {
    let mut parts = path.components().filter(|part| *part != Component::CurDir).peekable();
    let first = parts.peek().copied();
    if parts.any(|part| !matches!(part, Component::Normal(_))) {
        return Some("is outside the storage");
    }
    match first {
        Some(Component::Normal(first))
            if NEVER_REPLICATED.iter().any(|folder| first == *folder) =>
        {
            Some("does not belong in a replica")
        }
        None if !is_folder => Some("has no name"),
        _ => None,
    }
}

fn has_end_marker(file: &mut File, end: u64) -> bool {
    let mut tail = [1; END_MARKER_SIZE];
    let read = file.seek(io::SeekFrom::Start(end)).and_then(|_| file.read_exact(&mut tail));
    read.is_ok() && tail == [0; END_MARKER_SIZE]
}
