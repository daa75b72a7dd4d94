//! How much is in a folder, counted for a limited time.

use std::io;
use std::time::Instant;

use crate::limits::{COUNT_TIMEOUT, MAX_FOLDER_DEPTH};
use crate::storage::is_mark;
use crate::system::folder::{Folder, Listed};

/// The files in a folder and below it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// How many files.
    pub files: u64,
    /// How many bytes.
    pub bytes: u64,
    /// There was no time to count the rest.
    pub at_least: bool,
}

impl Size {
    /// Counts the files. Marks of a pack do not count.
    ///
    /// # Errors
    ///
    /// The folder cannot be read.
    pub fn of(folder: &Folder) -> io::Result<Self> {
        let mut size = Self::default();
        size.add(folder, MAX_FOLDER_DEPTH, Instant::now() + COUNT_TIMEOUT)?;
        Ok(size)
    }

    fn add(&mut self, folder: &Folder, depth: u32, end: Instant) -> io::Result<()> {
        for entry in folder.entries()? {
            self.at_least |= Instant::now() >= end || depth == 0;
            if self.at_least {
                return Ok(());
            }
            let Listed { name, is_folder } = entry?;
            // What is counted may be moved meanwhile.
            if is_folder {
                let Ok(below) = folder.folder(&name) else { continue };
                self.add(&below, depth - 1, end)?;
            } else if !is_mark(&name) {
                self.files += 1;
                self.bytes += folder.look(&name).map_or(0, |found| found.len());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::testing::storage;
    use std::fs;

    #[test]
    fn files_are_counted_below_folders_and_marks_are_not() {
        let (_folder, storage) = storage();
        fs::create_dir_all(storage.b().join("o0/00")).unwrap();
        fs::write(storage.b().join("o0/00/c"), "12345678").unwrap();
        fs::write(storage.b().join("x"), "1").unwrap();
        fs::write(storage.b().join("x.mark"), "1").unwrap();
        let size = Size::of(&storage.folders().b).unwrap();
        assert_eq!(size, Size { files: 2, bytes: 9, at_least: false });
    }
}
