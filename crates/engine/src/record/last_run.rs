//! How the last run ended, for people who look later.

use std::io;

use crate::limits::MAX_LOCK_FILE;
use crate::record::FILE;
use crate::record::checksummed::{ChecksummedLine, LineWriter};
use crate::storage::Storage;

/// The first word of its line.
const KIND: &str = "last";

/// The last run that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRun {
    /// When it ended, in seconds since 1970.
    pub ended: u64,
    /// Its exit status.
    pub status: u8,
    /// The label of the line that entered its snapshot; empty if none did.
    pub entered_by: String,
}

impl LastRun {
    /// Reads how the last run on `storage` ended, if one has. Takes no lock.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn read(storage: &Storage) -> io::Result<Option<Self>> {
        let content = match storage.folders().misc.read(FILE, MAX_LOCK_FILE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            content => content?,
        };
        Ok(String::from_utf8_lossy(&content).lines().find_map(Self::from_line))
    }

    pub(super) fn to_line(&self) -> String {
        LineWriter::new(KIND)
            .number("ended", self.ended)
            .number("status", self.status)
            .field("by", &self.entered_by)
            .finish()
    }

    pub(super) fn from_line(line: &str) -> Option<Self> {
        let fields = ChecksummedLine::parse(line, KIND)?;
        Some(Self {
            ended: fields.number("ended")?,
            status: fields.number("status")?,
            entered_by: fields.text("by")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::storage::testing::storage;

    #[test]
    fn the_last_run_on_a_storage_is_read_without_its_lock() {
        let (_folder, storage) = storage();
        assert_eq!(LastRun::read(&storage).unwrap(), None);
        let last = LastRun { ended: 17, status: 122, entered_by: String::new() };
        fs::write(storage.run_lock(), format!("inode 17\n{}\n", last.to_line())).unwrap();
        assert_eq!(LastRun::read(&storage).unwrap(), Some(last));
    }

    #[test]
    fn the_end_of_a_run_reads_back_as_it_was() {
        for entered_by in ["", "http://zope:8080/DSToolkit", "exec '/a b'"] {
            let last = LastRun { ended: 17, status: 75, entered_by: entered_by.to_owned() };
            assert_eq!(LastRun::from_line(&last.to_line()), Some(last));
        }
    }
}
