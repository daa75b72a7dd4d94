//! Unpacking `journal/replica.tar` over the storage. As with the original, the archive is then kept
//! as `misc/replica.previous`.

use std::cmp::Reverse;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use dsnap_core::{Reason, text};
use dsnap_engine::limits::COPY_CHUNK;
use dsnap_engine::storage::durability::Durability;
use dsnap_engine::storage::{Folders, REPLICA, Storage};
use dsnap_engine::system::folder::Folder;

use crate::archive::{Member, Trouble, folder_of, is_conf, read_members};
use crate::attributes::NewFolder;
use crate::destination::{Destination, make_folders};
use crate::progress::Progress;
use crate::reasons::{at, unfinished, unfinished_at};
use crate::replica::{PREVIOUS, Replica};
use crate::sync;

/// The mode of a file until it has its owner.
const PRIVATE: u32 = 0o600;

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
    progress: &Progress<'_>,
) -> Result<(), Reason> {
    let Folders { journal, misc, .. } = storage.folders();
    let mut unpacking = Unpacking::begin(storage.folders(), progress);
    let keep_going = || progress.keep_going();
    let read = read_members(&replica.file, &keep_going, &mut |member| unpacking.member(member));
    read.map_err(|trouble| match trouble {
        Trouble::Elsewhere(reason) => reason,
        Trouble::InArchive(what) => unfinished(at(&journal.path_of(REPLICA), what)),
    })?;
    unpacking.set_folder_attributes()?;
    for (_, folder) in &unpacking.written {
        sync::file_system(durability, folder)?;
    }
    journal.rename(REPLICA, misc, PREVIOUS).map_err(|error| {
        let action = format!("cannot move {} to", text::path(journal.path_of(REPLICA)));
        unfinished_at(&action, misc, PREVIOUS, &error)
    })?;
    sync::folder(durability, misc)?;
    sync::folder(durability, journal)
}

/// What was unpacked so far.
struct Unpacking<'a, 'b> {
    storage: &'a Folders,
    progress: &'a Progress<'b>,
    destination: Destination,
    folders: Vec<NewFolder>,
    /// A folder on each file system that was written to: `config` may be on another one than `A`.
    written: Vec<(u64, Folder)>,
    buffer: Vec<u8>,
    has_warned: bool,
}

impl<'a, 'b> Unpacking<'a, 'b> {
    fn begin(storage: &'a Folders, progress: &'a Progress<'b>) -> Self {
        Self {
            storage,
            progress,
            destination: Destination::default(),
            folders: Vec::new(),
            written: Vec::new(),
            buffer: vec![0; COPY_CHUNK],
            has_warned: false,
        }
    }

    fn member(&mut self, mut member: Member<'_>) -> Result<(), Reason> {
        self.progress.next_file()?;
        if is_conf(&member.place) {
            self.leave_out(&member.place);
            return Ok(());
        }
        if !member.is_folder {
            return self.file(&mut member);
        }
        let (root, below) = folder_of(self.storage, &member.place);
        self.remember(&make_folders(root, below)?)?;
        let Member { place, attributes, .. } = member;
        self.folders.push(NewFolder { place, attributes });
        Ok(())
    }

    /// Warns once of a member that is left out.
    fn leave_out(&mut self, place: &Path) {
        if !std::mem::replace(&mut self.has_warned, true) {
            self.progress.warn(&format!(
                "{}: its member {} was left out: no archive may say what dsnap runs on this machine",
                text::path(self.storage.journal.path_of(REPLICA)),
                text::path(place)
            ));
        }
    }

    /// Replaces a file as tar does: by a new one, never by writing into the old one.
    fn file(&mut self, member: &mut Member<'_>) -> Result<(), Reason> {
        let (root, below) = folder_of(self.storage, &member.place);
        let (folder, name) = self.destination.of(root, below, false)?;
        let failed = |error: io::Error| unfinished_at("cannot unpack", &folder, name, &error);
        match folder.remove_file(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let mut file = folder.create(name, PRIVATE).map_err(failed)?;
        self.copy(member.content, &mut file, member.size)?.map_err(failed)?;
        member.attributes.apply_to_file(&file).map_err(failed)?;
        self.remember(&folder)
    }

    /// Copies the content of a file. Asks often whether to go on: a file may be huge.
    fn copy(
        &mut self,
        content: &mut dyn Read,
        file: &mut File,
        size: u64,
    ) -> Result<io::Result<()>, Reason> {
        let mut left = size;
        while left > 0 {
            self.progress.keep_going()?;
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            let copied = content.read(&mut self.buffer[..most]).and_then(|read| match read {
                0 => Err(io::ErrorKind::UnexpectedEof.into()),
                read => file.write_all(&self.buffer[..read]).map(|()| read as u64),
            });
            match copied {
                Ok(copied) => left -= copied,
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(()))
    }

    /// Remembers that something in this folder has to be synced.
    fn remember(&mut self, folder: &Folder) -> Result<(), Reason> {
        let found = folder.metadata();
        let device = found.map_err(|error| unfinished_at("cannot sync", folder, "", &error))?.dev();
        if !self.written.iter().any(|(written, _)| *written == device) {
            self.written.push((device, folder.clone()));
        }
        Ok(())
    }

    /// Sets the attributes of folders. This comes last, because new files change the time of their
    /// folder. The deepest folders come first, because a mode may block the way to what is below.
    fn set_folder_attributes(&mut self) -> Result<(), Reason> {
        self.folders.sort_by_key(|folder| Reverse(folder.place.components().count()));
        for NewFolder { place, attributes } in &self.folders {
            self.progress.keep_going()?;
            let (root, below) = folder_of(self.storage, place);
            let set = root.folder(below).and_then(|folder| attributes.apply_to_folder(&folder));
            set.map_err(|error| unfinished_at("cannot unpack", root, below, &error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;
    use crate::survey::Survey;
    use crate::sync::recorded;
    use crate::testing::{self, NeverStops};

    #[test]
    fn every_file_system_that_was_written_to_is_synced_once() {
        let (folder, storage) = testing::storage();
        let usual = fs::metadata(storage.root()).unwrap().dev();
        let elsewhere = tempfile::tempdir_in("/dev/shm").ok();
        let Some(elsewhere) = elsewhere.filter(|it| it.path().metadata().unwrap().dev() != usual)
        else {
            // `eprintln!` is captured in a test that passes.
            let _ = writeln!(io::stderr(), "skipped: /dev/shm is no other file system here");
            return;
        };
        let settings = fs::read(storage.config().join("settings")).unwrap();
        fs::write(elsewhere.path().join("settings"), settings).unwrap();
        fs::remove_dir_all(storage.config()).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), storage.config()).unwrap();
        let storage = Storage::open(folder.path()).unwrap();
        testing::replicate(&storage, &["A/x.oid", "A/y", "config/one", "config/two"]);
        let survey = Survey::take(&storage, &NeverStops).unwrap();
        let replica = survey.replica.as_ref().unwrap();
        let durability = Durability::of(survey.settings);
        let (unpacked, syncs) =
            recorded(|| unpack(replica, &storage, durability, &Progress::new(&NeverStops, 1)));
        unpacked.unwrap();
        let systems = syncs.iter().filter(|(what, _)| *what == "file system");
        let places: Vec<_> = systems.map(|(_, path)| path.clone()).collect();
        assert_eq!(places, [storage.a(), storage.config()]);
    }
}
