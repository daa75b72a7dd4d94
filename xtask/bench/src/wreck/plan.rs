//! The plan for `bench-floor`: the changes that no recovery of a wreck can avoid.
//!
//! The files of a transaction are moved in the order of their places, so that files for the same folder
//! follow each other.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Entry, Wreck};

/// Writes the plan of a wreck that was just made in `dir`.
pub(crate) fn write_plan(wreck: Wreck, dir: &Path, file: &Path) -> Result<()> {
    let lines = BufWriter::new(File::create(file)?);
    let mut planner = Planner { wreck, a: dir.join("A"), made: BTreeSet::new(), lines };
    if wreck.in_b {
        planner.empty_b()?
    } else {
        planner.empty_journal()?
    }
    Ok(planner.lines.flush()?)
}

struct Planner {
    wreck: Wreck,
    a: PathBuf,
    /// The folders below `A/` that exist at this point of the plan.
    made: BTreeSet<PathBuf>,
    lines: BufWriter<File>,
}

impl Planner {
    fn empty_journal(&mut self) -> Result<()> {
        let count = self.wreck.transactions();
        for number in 0..count {
            writeln!(self.lines, "from\t{}", self.wreck.journal_folder(number))?;
            for (place, entry) in self.in_order(number)? {
                match entry.superseded {
                    true => writeln!(self.lines, "unlink\t{}", entry.name)?,
                    false => self.move_file(Path::new(&entry.name), &place)?,
                }
            }
        }
        self.sync()?;
        for number in 0..count {
            writeln!(self.lines, "rmdir\t{}", self.wreck.journal_folder(number))?;
        }
        Ok(())
    }

    fn empty_b(&mut self) -> Result<()> {
        writeln!(self.lines, "from\tB")?;
        let mut places = Vec::new();
        for number in 0..self.wreck.transactions() {
            let entries = self.in_order(number)?.into_iter();
            places.extend(entries.filter(|(_, it)| !it.superseded).map(|(place, _)| place));
        }
        places.sort();
        for place in &places {
            self.move_file(place, place)?;
        }
        self.sync()?;
        let folders: BTreeSet<_> =
            places.iter().flat_map(|place| place.ancestors().skip(1)).collect();
        for folder in folders.iter().rev().filter(|folder| !folder.as_os_str().is_empty()) {
            writeln!(self.lines, "rmdir\tB/{}", folder.display())?;
        }
        Ok(())
    }

    /// The files of a transaction with their places, in the order of these.
    fn in_order(&self, number: u64) -> Result<Vec<(PathBuf, Entry)>> {
        let entries = self.wreck.entries(number);
        let placed = entries.map(|entry| Ok((self.wreck.place(&entry.name)?, entry)));
        let mut placed = placed.collect::<Result<Vec<_>>>()?;
        placed.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(placed)
    }

    fn move_file(&mut self, from: &Path, place: &Path) -> Result<()> {
        if let Some(folder) = place.parent() {
            self.make(folder)?;
        }
        Ok(writeln!(self.lines, "move\t{}\t{}", from.display(), place.display())?)
    }

    /// Makes a folder and the missing ones above it.
    fn make(&mut self, folder: &Path) -> Result<()> {
        if folder.as_os_str().is_empty() || self.made.contains(folder) {
            return Ok(());
        }
        if let Some(above) = folder.parent() {
            self.make(above)?;
        }
        if !self.a.join(folder).exists() {
            writeln!(self.lines, "mkdir\t{}", folder.display())?;
        }
        self.made.insert(folder.to_owned());
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        if self.wreck.sync {
            writeln!(self.lines, "sync")?;
        }
        Ok(())
    }
}
