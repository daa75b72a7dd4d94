//! Crashed storages with many files to recover, and the plan of the calls that no recovery can avoid.
//!
//! A storage of the testkit gets older objects in `A/`, and transactions of [`FILES`] files each: one
//! object that changes again and again, one that is new, one that is old; the files of each are the
//! revision and the pointer to it. So of nine files, three are replaced by a later transaction, and one
//! in three objects needs a folder. The files are as small as in a real storage's pointers and objects,
//! but meaningless: no recovery reads them.

mod plan;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dsnap_testkit::{Fixture, Format, State};

pub(crate) use plan::write_plan;

/// The files of a transaction.
const FILES: u64 = 9;
/// The objects that change again and again.
const HOT: u64 = 5;
/// The first old object; those before are the fixture's.
const FIRST_OLD: u64 = 0x1000;
/// A prime, so that old objects are changed in no order, each of them once.
const STRIDE: u64 = 7919;
/// The transactions of the fixture.
const FIXTURE: usize = 6;
/// A minute after those of the fixture, in the upper half of a ZODB time stamp.
const FIRST_MINUTE: u64 = (2027 - 1900) * 12 * 31 * 24 * 60;
const REVISION: [u8; 200] = [b'.'; 200];

/// Which storage to make.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wreck {
    pub(crate) format: Format,
    pub(crate) sync: bool,
    /// How many files there are to recover, rounded to whole transactions.
    pub(crate) files: u64,
    /// Whether the files are in `B/`, and not in `journal/`.
    pub(crate) in_b: bool,
}

/// A file of a transaction.
struct Entry {
    /// Its flat name.
    name: String,
    size: usize,
    /// Whether a later transaction replaces it.
    superseded: bool,
}

impl Wreck {
    fn transactions(self) -> u64 {
        (self.files / FILES).max(1)
    }

    /// Makes the storage, and replaces the one that is there.
    pub(crate) fn make(self, dir: &Path) -> Result<()> {
        remove(dir)?;
        let fixture = Fixture::builder().format(self.format).sync(self.sync);
        let fixture = fixture.state(State::Clean).transactions(FIXTURE).build_in(dir)?;
        fs::remove_file(fixture.storage().snapshot())?;
        let mut writer = Writer::default();
        self.write_old(&mut writer, &dir.join("A"))?;
        self.write_new(&mut writer, dir)?;
        put_on_disk(dir)
    }

    /// Writes the objects that were committed before.
    fn write_old(self, writer: &mut Writer, a: &Path) -> Result<()> {
        for object in 0..self.transactions() {
            let name = format!("o{:016X}", FIRST_OLD + object);
            for (name, size) in
                [(format!("{name}.{}", tid(0)), REVISION.len()), (format!("{name}.c"), 8)]
            {
                writer.write(a, &self.place(&name)?, size)?;
            }
        }
        Ok(())
    }

    fn write_new(self, writer: &mut Writer, dir: &Path) -> Result<()> {
        for number in 0..self.transactions() {
            let folder = dir.join(self.journal_folder(number));
            for entry in self.entries(number).filter(|entry| !self.in_b || !entry.superseded) {
                match self.in_b {
                    true => writer.write(&dir.join("B"), &self.place(&entry.name)?, entry.size)?,
                    false => writer.write(&folder, Path::new(&entry.name), entry.size)?,
                }
            }
        }
        Ok(())
    }

    /// The folder of a transaction in the storage.
    fn journal_folder(self, number: u64) -> String {
        format!("journal/working_{}_done", tid(number + 1))
    }

    fn place(self, name: &str) -> Result<PathBuf> {
        self.format.place(OsStr::new(name)).with_context(|| format!("{name} has no place"))
    }

    /// The files that transaction `number` writes.
    fn entries(self, number: u64) -> impl Iterator<Item = Entry> {
        let (count, tid) = (self.transactions(), tid(number + 1));
        let old = FIRST_OLD + (number * STRIDE) % count;
        let objects = [1 + number % HOT, FIRST_OLD + count + number, old];
        let hot_again = number + HOT < count;
        let files = objects.into_iter().zip([hot_again, false, false]).flat_map({
            let tid = tid.clone();
            move |(object, again)| {
                let revision = format!("o{object:016X}.{tid}");
                let entry = |name, size, superseded| Entry { name, size, superseded };
                [
                    entry(revision, REVISION.len(), false),
                    entry(format!("o{object:016X}.c"), 8, again),
                ]
            }
        });
        let single = [
            (format!("t{}.{}", &tid[..6], &tid[6..]), 100, false),
            ("x.oid".to_owned(), 8, number + 1 < count),
            ("x.serial".to_owned(), 8, number + 1 < count),
        ];
        files.chain(single.map(|(name, size, superseded)| Entry { name, size, superseded }))
    }
}

/// The identifier of a transaction, six a minute.
fn tid(number: u64) -> String {
    let fraction = (number % 6) * ((1 << 32) / 6);
    format!("{:016X}", ((FIRST_MINUTE + number / 6) << 32) | fraction)
}

/// Writes files, and makes the folders that are missing.
#[derive(Default)]
struct Writer {
    made: HashSet<PathBuf>,
}

impl Writer {
    fn write(&mut self, root: &Path, place: &Path, size: usize) -> Result<()> {
        let path = root.join(place);
        let folder = path.parent().unwrap_or(root);
        if !self.made.contains(folder) {
            fs::create_dir_all(folder)?;
            self.made.insert(folder.to_owned());
        }
        fs::write(&path, &REVISION[..size])
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Puts everything on disk, so that no program pays for what was written before.
pub(crate) fn put_on_disk(dir: &Path) -> Result<()> {
    Ok(nix::unistd::syncfs(File::open(dir)?)?)
}

/// Removes a folder if it exists.
pub(crate) fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRECK: Wreck = Wreck { format: Format::Bushy, sync: true, files: 90, in_b: false };

    #[test]
    fn identifiers_ascend_and_come_after_those_of_the_fixture() {
        let tids: Vec<_> = (0..20).map(tid).collect();
        assert!(tids.is_sorted() && tids[0] < tids[1]);
        let fixture = Fixture::builder().transactions(FIXTURE).build().unwrap();
        let last = fixture.ledger().transactions().last().unwrap().tid_hex();
        assert!(last < tids[0], "{last}");
    }

    #[test]
    fn a_file_is_superseded_exactly_if_a_later_transaction_has_it() {
        let all: Vec<_> = (0..WRECK.transactions()).map(|it| WRECK.entries(it).collect()).collect();
        for (at, entries) in all.iter().enumerate() {
            for entry in entries {
                let entry: &Entry = entry;
                let mut later = all[at + 1..].iter().flat_map(|it: &Vec<Entry>| it);
                assert_eq!(
                    later.any(|it| it.name == entry.name),
                    entry.superseded,
                    "{}",
                    entry.name
                );
            }
        }
        assert_eq!(all.iter().map(Vec::len).sum::<usize>(), 90);
    }
}
