//! `journal/replica.tar`: what the replication tool fetched and did not unpack any more.
//!
//! The whole archive is read before anything of it is used: only regular files and folders
//! below the storage directory, and a proper end. Then it is unpacked over the storage and kept
//! as `misc/replica.previous`, as the original does.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use dsnap_core::{Reason, text};
use dsnap_engine::storage::Storage;
use dsnap_engine::system::{access, reading};
use filetime::FileTime;
use nix::unistd::{self, Group, User};
use tar::{Archive, Entry, EntryType, Header};

use crate::durability::Durability;
use crate::journal::unreadable;
use crate::moving::{self, Progress};
use crate::{on, stuck, stuck_at, survey};

/// An archive ends with two blocks of zeros; a block has 512 bytes.
const END: usize = 1024;
const BLOCK: u64 = 512;
/// The mode of a file while it is unpacked.
const PRIVATE: u32 = 0o600;
/// No replica holds anything there, and locks must not be replaced.
const NOT_OURS: [&str; 2] = ["journal", "misc"];

/// An archive that was read to its end and found good.
#[derive(Debug)]
pub(crate) struct Replica {
    path: PathBuf,
    /// Places below the storage directory, of files and of the folders that have entries.
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Replica {
    /// Reads the whole archive.
    ///
    /// # Errors
    ///
    /// It is damaged, or holds something else than files and folders below the storage.
    pub(crate) fn look(path: PathBuf) -> Result<Self, Reason> {
        let damaged = |what: &dyn std::fmt::Display| {
            Reason::new(on(&path, what)).hint(
                "it is left from replication; move it out of journal/ and replicate again, nothing else is lost",
            )
        };
        let mut file = reading::open(&path).map_err(|error| unreadable(&path, &error))?;
        let mut archive = Archive::new(&mut file);
        let mut end = 0;
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        for entry in archive.entries().map_err(|error| damaged(&error))? {
            let mut entry = entry.map_err(|error| damaged(&error))?;
            check(&entry).map_err(|what| damaged(&what))?;
            Attributes::of(entry.header()).map_err(|error| damaged(&error))?;
            let size = io::copy(&mut entry, &mut io::sink()).map_err(|error| damaged(&error))?;
            if size != entry.size() {
                return Err(damaged(&"the archive breaks off in the middle of a file"));
            }
            end = entry.raw_file_position() + size.next_multiple_of(BLOCK);
            let place = entry.path().map_err(|error| damaged(&error))?.into_owned();
            match entry.header().entry_type() {
                EntryType::XGlobalHeader => {}
                EntryType::Directory => folders.push(place),
                _ => files.push(place),
            }
        }
        if !ends_properly(&mut file, end) {
            return Err(damaged(&"the archive has no proper end"));
        }
        Ok(Self { path, files, folders })
    }

    /// Whether everything in it can be unpacked, and the archive moved away.
    ///
    /// # Errors
    ///
    /// Something is in the way, or a right is missing.
    pub(crate) fn check_access(&self, storage: &Storage) -> Result<(), Reason> {
        let (root, journal, misc) = (storage.root(), storage.journal(), storage.misc());
        survey::on_one_device(&journal, &misc).map_err(|refusal| {
            refusal.hint("journal/replica.tar becomes misc/replica.previous: put both folders on one file system")
        })?;
        survey::check_place(&kept(storage))?;
        for folder in &self.folders {
            let path = root.join(folder);
            match fs::symlink_metadata(&path) {
                Ok(_) if path.is_dir() => may_be_given_attributes(&path)?,
                _ => survey::check_destination(root, folder)?,
            }
        }
        survey::check_places(root, self.files.iter().map(PathBuf::as_path))
    }

    /// Unpacks the archive over the storage, and moves it away.
    ///
    /// # Errors
    ///
    /// A file cannot be written, or the program was asked to end: the archive stays where it
    /// is, and the next recovery unpacks it again.
    pub(crate) fn unpack(
        &self,
        storage: &Storage,
        durability: Durability,
        progress: &mut Progress<'_>,
    ) -> Result<(), Reason> {
        progress.expect(self.files.len() + self.folders.len());
        let broken = |error: io::Error| stuck(on(&self.path, error));
        let mut archive = Archive::new(reading::open(&self.path).map_err(broken)?);
        let mut folders = Vec::new();
        for entry in archive.entries().map_err(broken)? {
            progress.next()?;
            let mut entry = entry.map_err(broken)?;
            let place = storage.root().join(entry.path().map_err(broken)?);
            match entry.header().entry_type() {
                EntryType::XGlobalHeader => {}
                EntryType::Directory => folders.push(make_folder(&entry, place)?),
                _ => unpack_file(&mut entry, &place)?,
            }
        }
        finish_folders(folders)?;
        self.sync(storage.root(), durability)?;
        let kept = kept(storage);
        fs::rename(&self.path, &kept).map_err(|error| {
            stuck_at(&format!("moving {} to", text::path(&self.path)), &kept, &error)
        })?;
        durability.folder(&storage.misc())?;
        durability.folder(&storage.journal())
    }

    /// Syncs every file system that was written to: `config` may lie on another one than `A`.
    fn sync(&self, root: &Path, durability: Durability) -> Result<(), Reason> {
        let parents = self.files.iter().filter_map(|file| file.parent());
        let folders: BTreeSet<_> =
            parents.chain(self.folders.iter().map(PathBuf::as_path)).collect();
        let mut synced = HashSet::new();
        for folder in folders {
            let folder = root.join(folder);
            let found = fs::metadata(&folder);
            let device = found.map_err(|error| stuck_at("syncing", &folder, &error))?.dev();
            if synced.insert(device) {
                durability.file_system(&folder)?;
            }
        }
        Ok(())
    }
}

/// Where an archive that was unpacked goes.
fn kept(storage: &Storage) -> PathBuf {
    storage.misc().join("replica.previous")
}

/// Only its owner may change the mode and the time of a folder.
fn may_be_given_attributes(folder: &Path) -> Result<(), Reason> {
    let user = unistd::geteuid();
    let owner = fs::metadata(folder).map_err(|error| unreadable(folder, &error))?.uid();
    if user.is_root() || user.as_raw() == owner {
        return Ok(());
    }
    let error = io::Error::from(rustix::io::Errno::PERM);
    Err(access::path_error(folder, "cannot be changed", &error))
}

/// Whether an entry is something that a replica holds.
fn check(entry: &Entry<'_, impl Read>) -> Result<(), String> {
    let name = text::harmless(String::from_utf8_lossy(&entry.path_bytes()).as_ref());
    let refused = |what: &str| Err(format!("`{name}` in it {what}"));
    match entry.header().entry_type() {
        EntryType::Regular | EntryType::Continuous | EntryType::Directory => {}
        EntryType::XGlobalHeader => return Ok(()),
        _ => return refused("is neither a file nor a folder"),
    }
    let Ok(path) = entry.path() else { return refused("has no usable name") };
    let mut parts = path.components().filter(|part| *part != Component::CurDir).peekable();
    let first = parts.peek().copied();
    if parts.any(|part| !matches!(part, Component::Normal(_))) {
        return refused("leads out of the storage");
    }
    match first {
        Some(Component::Normal(first)) if NOT_OURS.iter().any(|folder| first == *folder) => {
            refused("belongs to no replica")
        }
        None if !entry.header().entry_type().is_dir() => refused("has no name"),
        _ => Ok(()),
    }
}

fn ends_properly(file: &mut File, end: u64) -> bool {
    let mut tail = [1; END];
    let read = file.seek(io::SeekFrom::Start(end)).and_then(|_| file.read_exact(&mut tail));
    read.is_ok() && tail == [0; END]
}

/// Makes a folder. What the archive says of it comes when its contents are there.
fn make_folder(
    entry: &Entry<'_, impl Read>,
    place: PathBuf,
) -> Result<(PathBuf, Attributes), Reason> {
    moving::make_folders(&place)?;
    let attributes = Attributes::of(entry.header());
    Ok((place.clone(), attributes.map_err(|error| stuck_at("unpacking", &place, &error))?))
}

/// Folders get their attributes last, because files in them change their times, and the deepest
/// first, because a mode may close what is below.
fn finish_folders(mut folders: Vec<(PathBuf, Attributes)>) -> Result<(), Reason> {
    folders.sort_by_key(|(place, _)| Reverse(place.components().count()));
    for (place, attributes) in folders {
        attributes.give(&place).map_err(|error| stuck_at("unpacking", &place, &error))?;
    }
    Ok(())
}

/// Replaces a file as tar does: by a new one, never by writing into the old one.
fn unpack_file(entry: &mut Entry<'_, impl Read>, place: &Path) -> Result<(), Reason> {
    place.parent().map_or(Ok(()), moving::make_folders)?;
    let mut unpack = || {
        let attributes = Attributes::of(entry.header())?;
        match fs::remove_file(place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Closed to others until it has its owner.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(place)?;
        if io::copy(entry, &mut file)? != entry.size() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        attributes.give(place)
    };
    unpack().map_err(|error| stuck_at("unpacking", place, &error))
}

/// What an entry says of its file, besides the content.
#[derive(Debug)]
struct Attributes {
    mode: u32,
    modified: FileTime,
    uid: u32,
    gid: u32,
}

impl Attributes {
    /// Names of owners win over their numbers where this machine knows them, as in tar.
    fn of(header: &Header) -> io::Result<Self> {
        let name = |bytes: Option<&[u8]>| {
            String::from_utf8(bytes?.to_vec()).ok().filter(|name| !name.is_empty())
        };
        let number = |id: u64| u32::try_from(id).map_err(io::Error::other);
        let user = name(header.username_bytes()).and_then(|name| User::from_name(&name).ok()?);
        let group = name(header.groupname_bytes()).and_then(|name| Group::from_name(&name).ok()?);
        let modified = i64::try_from(header.mtime()?).map_err(io::Error::other)?;
        Ok(Self {
            mode: header.mode()?,
            modified: FileTime::from_unix_time(modified, 0),
            uid: user.map_or_else(|| number(header.uid()?), |user| Ok(user.uid.as_raw()))?,
            gid: group.map_or_else(|| number(header.gid()?), |group| Ok(group.gid.as_raw()))?,
        })
    }

    /// Mode and time, and the owner if root unpacks, as tar does it.
    fn give(&self, place: &Path) -> io::Result<()> {
        if unistd::geteuid().is_root() {
            std::os::unix::fs::chown(place, Some(self.uid), Some(self.gid))?;
        }
        fs::set_permissions(place, Permissions::from_mode(self.mode & 0o7777))?;
        filetime::set_file_mtime(place, self.modified)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::durability::recorded;
    use crate::survey::Survey;
    use crate::testing::{self, Patient};

    #[test]
    fn every_file_system_that_was_written_to_is_synced_once() {
        let (_folder, storage) = testing::storage();
        let usual = fs::metadata(storage.root()).unwrap().dev();
        let elsewhere = tempfile::tempdir_in("/dev/shm").ok();
        let Some(elsewhere) = elsewhere.filter(|it| it.path().metadata().unwrap().dev() != usual)
        else {
            // Not `eprintln!`, which nobody sees of a test that passes.
            let _ = writeln!(io::stderr(), "passed over: /dev/shm is no other file system here");
            return;
        };
        std::os::unix::fs::symlink(elsewhere.path(), storage.root().join("other")).unwrap();
        testing::replicate(&storage, &["A/x.oid", "A/y", "other/one", "other/two"]);
        let survey = Survey::take(&storage).unwrap();
        let replica = survey.replica.as_ref().unwrap();
        let durability = Durability::wanted_by(survey.settings);
        let (unpacked, syncs) =
            recorded(|| replica.unpack(&storage, durability, &mut Progress::new(&Patient)));
        unpacked.unwrap();
        let systems = syncs.iter().filter(|(what, _)| *what == "file system");
        let places: Vec<_> = systems.map(|(_, path)| path.clone()).collect();
        assert_eq!(places, [storage.a(), storage.root().join("other")]);
    }
}
