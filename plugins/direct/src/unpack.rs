//! Unpacking `journal/replica.tar` over the storage. As with the original, the archive is then kept
//! as `misc/replica.previous`.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use dsnap_core::{Reason, text};
use dsnap_engine::storage::Storage;
use dsnap_engine::storage::durability::Durability;
use dsnap_engine::system::reading;
use tar::{Archive, Entry, EntryType};

use crate::attributes::Attributes;
use crate::progress::Progress;
use crate::reasons::{at, unfinished, unfinished_at};
use crate::replica::{Replica, previous_replica};
use crate::{moving, sync};

/// The mode of a file until it has its owner.
const PRIVATE: u32 = 0o600;

/// A folder that gets its attributes when everything is in it.
struct NewFolder {
    path: PathBuf,
    attributes: Attributes,
}

/// Unpacks the archive over the storage, on disk, and moves it away.
///
/// # Errors
///
/// A file cannot be written, or the caller wants to stop. The archive stays where it is, and the
/// next recovery unpacks it again.
pub(crate) fn unpack(
    replica: &Replica,
    storage: &Storage,
    durability: Durability,
    progress: &mut Progress<'_>,
) -> Result<(), Reason> {
    progress.expect(replica.files.len() + replica.folders.len());
    let folders = unpack_members(replica, storage.root(), progress)?;
    set_folder_attributes(folders)?;
    sync_written(replica, storage.root(), durability)?;
    let (from, to) = (&replica.path, previous_replica(storage));
    fs::rename(from, &to).map_err(|error| {
        unfinished_at(&format!("cannot move {} to", text::path(from)), &to, &error)
    })?;
    sync::folder(durability, &storage.misc())?;
    sync::folder(durability, &storage.journal())
}

/// Unpacks the files and makes the folders.
fn unpack_members(
    replica: &Replica,
    root: &Path,
    progress: &mut Progress<'_>,
) -> Result<Vec<NewFolder>, Reason> {
    let broken = |error: io::Error| unfinished(at(&replica.path, error));
    let mut archive = Archive::new(reading::open(&replica.path).map_err(broken)?);
    let mut folders = Vec::new();
    for member in archive.entries().map_err(broken)? {
        progress.next_file()?;
        let mut member = member.map_err(broken)?;
        let path = root.join(member.path().map_err(broken)?);
        match member.header().entry_type() {
            EntryType::XGlobalHeader => {}
            EntryType::Directory => folders.push(make_folder(&member, path)?),
            _ => unpack_file(&mut member, &path)?,
        }
    }
    Ok(folders)
}

fn make_folder(member: &Entry<'_, impl Read>, path: PathBuf) -> Result<NewFolder, Reason> {
    moving::make_folders(&path)?;
    match Attributes::of(member.header()) {
        Ok(attributes) => Ok(NewFolder { path, attributes }),
        Err(error) => Err(cannot_unpack(&path, &error)),
    }
}

/// Replaces a file as tar does: by a new one, never by writing into the old one.
fn unpack_file(member: &mut Entry<'_, impl Read>, path: &Path) -> Result<(), Reason> {
    path.parent().map_or(Ok(()), moving::make_folders)?;
    let mut unpack = || {
        let attributes = Attributes::of(member.header())?;
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)?;
        if io::copy(member, &mut file)? != member.size() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        attributes.apply(path)
    };
    unpack().map_err(|error| cannot_unpack(path, &error))
}

/// Sets the attributes of folders. This comes last, because new files change the time of their
/// folder. The deepest folders come first, because a mode may block the way to what is below.
fn set_folder_attributes(mut folders: Vec<NewFolder>) -> Result<(), Reason> {
    folders.sort_by_key(|folder| Reverse(folder.path.components().count()));
    for NewFolder { path, attributes } in folders {
        attributes.apply(&path).map_err(|error| cannot_unpack(&path, &error))?;
    }
    Ok(())
}

/// Syncs each file system that was written to. `config` may be on another one than `A`.
fn sync_written(replica: &Replica, root: &Path, durability: Durability) -> Result<(), Reason> {
    let parents = replica.files.iter().filter_map(|file| file.parent());
    let folders: BTreeSet<_> =
        parents.chain(replica.folders.iter().map(PathBuf::as_path)).collect();
    let mut synced = HashSet::new();
    for folder in folders {
        let folder = root.join(folder);
        let found = fs::metadata(&folder);
        let device = found.map_err(|error| unfinished_at("cannot sync", &folder, &error))?.dev();
        if synced.insert(device) {
            sync::file_system(durability, &folder)?;
        }
    }
    Ok(())
}

fn cannot_unpack(path: &Path, error: &io::Error) -> Reason {
    unfinished_at("cannot unpack", path, error)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::survey::Survey;
    use crate::sync::recorded;
    use crate::testing::{self, NeverStops};

    #[test]
    fn every_file_system_that_was_written_to_is_synced_once() {
        let (_folder, storage) = testing::storage();
        let usual = fs::metadata(storage.root()).unwrap().dev();
        let elsewhere = tempfile::tempdir_in("/dev/shm").ok();
        let Some(elsewhere) = elsewhere.filter(|it| it.path().metadata().unwrap().dev() != usual)
        else {
            // `eprintln!` is captured in a test that passes.
            let _ = writeln!(io::stderr(), "skipped: /dev/shm is no other file system here");
            return;
        };
        std::os::unix::fs::symlink(elsewhere.path(), storage.root().join("other")).unwrap();
        testing::replicate(&storage, &["A/x.oid", "A/y", "other/one", "other/two"]);
        let survey = Survey::take(&storage).unwrap();
        let replica = survey.replica.as_ref().unwrap();
        let durability = Durability::of(survey.settings);
        let (unpacked, syncs) =
            recorded(|| unpack(replica, &storage, durability, &mut Progress::new(&NeverStops)));
        unpacked.unwrap();
        let systems = syncs.iter().filter(|(what, _)| *what == "file system");
        let places: Vec<_> = systems.map(|(_, path)| path.clone()).collect();
        assert_eq!(places, [storage.a(), storage.root().join("other")]);
    }
}
