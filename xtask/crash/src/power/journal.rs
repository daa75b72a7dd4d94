//! What a run asked of the disk: its changes in order, and what each needs.
//!
//! A change reaches the disk on its own, before or after others, or never, unless a sync has waited for it.
//! Few rules hold on all usual file systems, with and without a journal:
//!
//! - The changes of one name reach the disk in their order. Those of different names may not, even in one
//!   folder. (ext4 and XFS keep the order of all of them, btrfs and ext2 do not.)
//! - A rename is one change of both names.
//! - An entry in a new folder needs the entry of that folder, and a folder is removed behind its entries.
//! - The data, the mode and the time of a file are independent of its name, so a renamed file can be empty.
//!   Of what was written, the beginning may be there.
//! - `fsync` of a folder waits for the changes of its entries, `fsync` of a file for its data, mode and time,
//!   `syncfs` for everything.
//!
//! Pillai and others measured what file systems do beyond that: "All File Systems Are Not Created Equal",
//! OSDI 2014. Nothing of it is assumed here, not even that an unsynced file which replaces another one is on
//! disk before its name.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use crate::strace::{Arg, Call};

/// A change of a file or folder; paths are relative to the storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Makes a file with this mode.
    Create(PathBuf, u32),
    Folder(PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    RemoveFolder(PathBuf),
    /// Writes this behind what the file contains.
    Write(Vec<u8>),
    Mode(u32),
    /// Sets the time of the last change, in seconds.
    Time(u64),
}

/// A change, and what it has to do with others.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) change: Change,
    /// The entry that made the file which a write, a mode or a time belongs to.
    pub(crate) file: Option<usize>,
    /// The changes that are on disk if this one is.
    pub(crate) needs: BTreeSet<usize>,
    /// Whether a sync has waited for it.
    pub(crate) is_durable: bool,
}

/// All changes of a run so far, or of several runs one after the other.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) entries: Vec<Entry>,
    /// The last change of each name, and the one that made each folder.
    last_of: HashMap<PathBuf, usize>,
    made: HashMap<PathBuf, usize>,
    /// The entry that made each new file, by the file's present path.
    file_at: HashMap<PathBuf, usize>,
    /// The last write to each new file.
    last_write: HashMap<usize, usize>,
}

/// Files of every run that say nothing about what was committed. `record` looks at them.
const IGNORED: [&str; 3] = ["misc/dsnap.lock", "misc/lock", "misc/sublock"];

impl Journal {
    /// Adds the calls of a run on the storage at `root`, and shows the journal before each sync and at the
    /// end: a power cut loses most at these moments.
    pub(crate) fn add(&mut self, calls: &[Call], root: &Path, show: &mut impl FnMut(&Self)) {
        for call in calls.iter().filter(|call| call.succeeded()) {
            let files = call.files_below(root);
            let Some(file) = files.first() else { continue };
            if call.name.contains("sync") {
                show(self);
                self.sync(call, file);
            } else if !IGNORED.iter().any(|it| file == Path::new(it)) {
                self.change(call, file, files.get(1));
            }
        }
        show(self);
    }

    fn change(&mut self, call: &Call, file: &Path, second: Option<&PathBuf>) {
        if let Some(change) = change(call, file, second) {
            if change.is_of_file() {
                self.push_of_file(change, file);
            } else {
                self.push_of_names(change);
            }
        }
    }

    /// Adds a write, a mode or a time. What a run did not make itself, it does not change in these ways.
    fn push_of_file(&mut self, change: Change, path: &Path) {
        let Some(file) = self.file_at.get(path).copied() else { return };
        let mut needs = BTreeSet::new();
        if matches!(change, Change::Write(_)) {
            needs.extend(self.last_write.insert(file, self.entries.len()));
        }
        self.entries.push(Entry { change, file: Some(file), needs, is_durable: false });
    }

    /// Adds a change of names, behind those that it needs.
    fn push_of_names(&mut self, change: Change) {
        let at = self.entries.len();
        let needs = self.needs_of(&change);
        self.last_of.extend(change.names().map(|name| (name.to_owned(), at)));
        match &change {
            Change::Create(path, _) => _ = self.file_at.insert(path.clone(), at),
            Change::Folder(path) => {
                self.made.insert(path.clone(), at);
                self.file_at.insert(path.clone(), at);
            }
            Change::Rename(from, to) => {
                self.file_at.remove(to);
                if let Some(file) = self.file_at.remove(from) {
                    self.file_at.insert(to.clone(), file);
                }
            }
            Change::Remove(path) | Change::RemoveFolder(path) => _ = self.file_at.remove(path),
            Change::Write(_) | Change::Mode(_) | Change::Time(_) => {}
        }
        self.entries.push(Entry { change, file: None, needs, is_durable: false });
    }

    /// Finds the changes that a change of names needs: earlier ones of these names, the folders of the names,
    /// and everything in a folder that is removed.
    fn needs_of(&self, change: &Change) -> BTreeSet<usize> {
        let before = change.names().filter_map(|name| self.last_of.get(name));
        let folders = change.names().filter_map(|name| self.made.get(name.parent()?));
        let mut needs: BTreeSet<_> = before.chain(folders).copied().collect();
        if let Change::RemoveFolder(folder) = change {
            let inside = self.last_of.iter().filter(|(name, _)| name.parent() == Some(folder));
            needs.extend(inside.map(|(_, at)| at));
        }
        needs
    }

    /// Marks what a sync waits for, with everything that it needs.
    fn sync(&mut self, call: &Call, synced: &Path) {
        let (all, file) = (call.name == "syncfs", self.file_at.get(synced).copied());
        let is_waited_for = |entry: &Entry| {
            let of_file = entry.file.is_some() && entry.file == file;
            all || of_file || entry.change.names().any(|name| name.parent() == Some(synced))
        };
        let numbered = self.entries.iter().enumerate();
        let waited_for = numbered.filter(|(_, entry)| is_waited_for(entry)).map(|(at, _)| at);
        for at in self.with_needs(waited_for.collect()) {
            self.entries[at].is_durable = true;
        }
    }

    /// Adds to some entries all those that they need.
    pub(crate) fn with_needs(&self, some: BTreeSet<usize>) -> BTreeSet<usize> {
        let (mut found, mut new) = (BTreeSet::new(), Vec::from_iter(some));
        while let Some(at) = new.pop() {
            if found.insert(at) {
                new.extend(&self.entries[at].needs);
            }
        }
        found
    }
}

impl Change {
    /// Says whether it is one of a file itself, and not of its names.
    fn is_of_file(&self) -> bool {
        matches!(self, Self::Write(_) | Self::Mode(_) | Self::Time(_))
    }

    /// Returns the names that it makes, moves or removes.
    fn names(&self) -> impl Iterator<Item = &Path> {
        let (first, second) = match self {
            Self::Create(path, _)
            | Self::Folder(path)
            | Self::Remove(path)
            | Self::RemoveFolder(path) => (Some(path), None),
            Self::Rename(from, to) => (Some(from), Some(to)),
            Self::Write(_) | Self::Mode(_) | Self::Time(_) => (None, None),
        };
        first.into_iter().chain(second).map(PathBuf::as_path)
    }
}

/// Reads a call that changes something.
fn change(call: &Call, file: &Path, second: Option<&PathBuf>) -> Option<Change> {
    let file = file.to_owned();
    Some(match call.name.as_str() {
        "openat" | "openat2" if call.is_change() => Change::Create(file, mode(call)?),
        "mkdirat" => Change::Folder(file),
        "renameat" | "renameat2" => Change::Rename(file, second?.clone()),
        "unlinkat" if call.args.contains(&Arg::Other("AT_REMOVEDIR".to_owned())) => {
            Change::RemoveFolder(file)
        }
        "unlinkat" => Change::Remove(file),
        "write" => Change::Write(call.text()?.to_vec()),
        "fchmod" => Change::Mode(mode(call)?),
        "utimensat" => Change::Time(seconds(call)?),
        _ => return None,
    })
}

/// Returns the last argument that is a mode.
fn mode(call: &Call) -> Option<u32> {
    let mut others = call.others().filter(|text| text.starts_with('0'));
    u32::from_str_radix(others.next_back()?, 8).ok()
}

/// Returns the last time among the arguments.
fn seconds(call: &Call) -> Option<u64> {
    let times = call.others().find_map(|text| Some(text.rsplit_once("tv_sec=")?.1))?;
    times.split(|it: char| !it.is_ascii_digit()).next()?.parse().ok()
}
