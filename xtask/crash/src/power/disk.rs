//! The parts of a journal that can be on disk after a power cut, and storages made of them.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use xtask_base::tree;

use super::journal::{Change, Journal};

/// What is on disk: the numbers of the changes, and the write of which only the first half is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OnDisk {
    changes: BTreeSet<usize>,
    torn: Option<usize>,
}

impl OnDisk {
    /// Lists states that a power cut can leave at this moment:
    ///
    /// - only what was synced, and everything;
    /// - for each unsynced change: only that one with what it needs, and everything that does not need it;
    /// - torn writes, and some random parts.
    ///
    /// So if a change can be on disk without another one, there is a state in which that is so.
    pub(super) fn all(journal: &Journal, random: u64) -> Vec<Self> {
        let all: BTreeSet<usize> = (0..journal.entries.len()).collect();
        let (synced, open): (BTreeSet<_>, BTreeSet<_>) =
            all.iter().copied().partition(|at| journal.entries[*at].is_durable);
        let mut found = vec![synced.clone(), all.clone()];
        for at in &open {
            found.push(&synced | &journal.with_needs(BTreeSet::from([*at])));
            found.push(without(journal, &all, *at));
        }
        let mut chance = Chance(random);
        for _ in 0..random {
            let some = open.iter().copied().filter(|_| chance.next_is_heads()).collect();
            found.push(&synced | &journal.with_needs(some));
        }
        let whole = found.into_iter().map(|changes| Self { changes, torn: None });
        let writes =
            open.iter().filter(|at| matches!(journal.entries[**at].change, Change::Write(_)));
        let torn = writes.map(|at| Self { changes: all.clone(), torn: Some(*at) });
        whole.chain(torn).collect()
    }

    /// Describes the state of the storage. Equal states of different journals have equal descriptions.
    pub(super) fn describe(&self, journal: &Journal) -> String {
        let changes = self.changes.iter().map(|at| {
            let torn = if self.torn == Some(*at) { "torn " } else { "" };
            format!("{torn}{:?}\n", journal.entries[*at].change)
        });
        changes.collect()
    }
}

/// Everything but one change and those that need it.
fn without(journal: &Journal, all: &BTreeSet<usize>, left_out: usize) -> BTreeSet<usize> {
    let mut gone = BTreeSet::from([left_out]);
    for at in all.range(left_out..) {
        if !journal.entries[*at].needs.is_disjoint(&gone) {
            gone.insert(*at);
        }
    }
    all - &gone
}

/// The changes that are not on disk, as ranges.
impl fmt::Display for OnDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.changes.last().map_or(0, |last| last + 1);
        let missing: Vec<_> =
            (0..end).filter(|at| !self.changes.contains(at)).map(|at| at.to_string()).collect();
        write!(f, "first {end} changes without {}", missing.join(","))?;
        self.torn.map_or(Ok(()), |at| write!(f, ", {at} torn"))
    }
}

/// Numbers that look random, and are the same each time.
struct Chance(u64);

impl Chance {
    fn next_is_heads(&mut self) -> bool {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 63 == 1
    }
}

/// Makes a storage of what was there before and what is on disk of the changes.
pub(super) fn make(
    template: &Path,
    journal: &Journal,
    on_disk: &OnDisk,
    storage: &Path,
) -> Result<()> {
    tree::copy(template, storage)?;
    let mut disk = Disk { storage, at: HashMap::new() };
    for at in &on_disk.changes {
        let entry = &journal.entries[*at];
        let is_torn = on_disk.torn == Some(*at);
        disk.apply(&entry.change, entry.file.unwrap_or(*at), is_torn)
            .with_context(|| format!("cannot apply change {at}, {:?}", entry.change))?;
    }
    Ok(())
}

/// A storage that is being made. Knows where the new files are.
struct Disk<'a> {
    storage: &'a Path,
    at: HashMap<usize, PathBuf>,
}

impl Disk<'_> {
    fn apply(&mut self, change: &Change, file: usize, is_torn: bool) -> Result<()> {
        let in_storage = |path: &Path| self.storage.join(path);
        match change {
            Change::Create(path, mode) => {
                let mut options = OpenOptions::new();
                options.write(true).create_new(true).mode(*mode).open(in_storage(path))?;
                self.at.insert(file, path.clone());
            }
            Change::Folder(path) => {
                fs::create_dir(in_storage(path))?;
                self.at.insert(file, path.clone());
            }
            Change::Rename(from, to) => {
                fs::rename(in_storage(from), in_storage(to))?;
                self.at.retain(|_, path| path != to);
                self.at.values_mut().filter(|it| *it == from).for_each(|it| it.clone_from(to));
            }
            Change::Remove(path) => {
                fs::remove_file(in_storage(path))?;
                self.at.retain(|_, it| it != path);
            }
            Change::RemoveFolder(path) => fs::remove_dir(in_storage(path))?,
            of_file => return self.apply_to_file(of_file, file, is_torn),
        }
        Ok(())
    }

    /// Changes a file itself, if it has a name on disk.
    fn apply_to_file(&self, change: &Change, file: usize, is_torn: bool) -> Result<()> {
        let Some(path) = self.at.get(&file).map(|path| self.storage.join(path)) else {
            return Ok(());
        };
        match change {
            Change::Write(text) => {
                let written = if is_torn { &text[..text.len() / 2] } else { text };
                OpenOptions::new().append(true).open(path)?.write_all(written)?;
            }
            Change::Mode(mode) => fs::set_permissions(path, Permissions::from_mode(*mode))?,
            Change::Time(seconds) => {
                let time = SystemTime::UNIX_EPOCH + Duration::from_secs(*seconds);
                File::open(path)?.set_modified(time)?;
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strace::calls_in;

    /// What a power cut can leave of a traced run at its end, as the numbers of its changes.
    fn left(trace: &str) -> BTreeSet<Vec<usize>> {
        let mut found = BTreeSet::new();
        let calls = calls_in(trace).unwrap();
        Journal::default().add(&calls, Path::new("/s"), &mut |journal| {
            let states = OnDisk::all(journal, 8).into_iter();
            found = states.map(|it| it.changes.into_iter().collect()).collect();
        });
        found
    }

    fn as_vectors(states: &[&[usize]]) -> BTreeSet<Vec<usize>> {
        states.iter().map(|it| it.to_vec()).collect()
    }

    #[test]
    fn changes_of_one_name_keep_their_order_and_those_of_others_do_not() {
        let changes = |second: &str| {
            format!(
                "renameat2(3</s/B>, \"x\", 4</s/A>, \"x\", 0) = 0\nunlinkat(4</s/A>, \"{second}\", 0) = 0\n"
            )
        };
        assert_eq!(left(&changes("x")), as_vectors(&[&[], &[0], &[0, 1]]));
        assert_eq!(left(&changes("y")), as_vectors(&[&[], &[0], &[1], &[0, 1]]));
    }

    #[test]
    fn a_folder_is_removed_behind_its_entries() {
        let trace =
            "unlinkat(3</s/B/x>, \"oid\", 0) = 0\nunlinkat(4</s/B>, \"x\", AT_REMOVEDIR) = 0\n";
        assert_eq!(left(trace), as_vectors(&[&[], &[0], &[0, 1]]));
    }

    #[test]
    fn a_sync_of_a_folder_keeps_its_entries_and_nothing_else() {
        let trace = "unlinkat(3</s/A>, \"x\", 0) = 0\nunlinkat(4</s/B>, \"y\", 0) = 0\n\
            fsync(3</s/A>) = 0\n";
        assert_eq!(left(trace), as_vectors(&[&[0], &[0, 1]]));
        assert_eq!(left(&trace.replace("fsync", "syncfs")), as_vectors(&[&[0, 1]]));
    }

    #[test]
    fn a_renamed_file_can_be_empty_unless_it_was_synced() {
        let write = "openat(3</s/misc>, \"new\", O_RDWR|O_CREAT, 0640) = 4</s/misc/new>\n\
            write(4</s/misc/new>, \"shutdown\", 8) = 8\n";
        let rename = "renameat2(3</s/misc>, \"new\", 3</s/misc>, \"snapshot\", 0) = 0\n";
        assert!(left(&format!("{write}{rename}")).contains(&vec![0, 2]));
        let synced = left(&format!("{write}fsync(4</s/misc/new>) = 0\n{rename}"));
        assert!(synced.iter().all(|state| state.contains(&1)), "{synced:?}");
        assert!(synced.contains(&vec![1]), "the name itself is not synced: {synced:?}");
    }

    #[test]
    fn an_entry_of_a_new_folder_needs_that_folder() {
        let trace = "mkdirat(3</s/A>, \"new\", 0777) = 0\n\
            renameat2(4</s/B>, \"x\", 5</s/A/new>, \"x\", 0) = 0\n";
        assert_eq!(left(trace), as_vectors(&[&[], &[0], &[0, 1]]));
    }
}
