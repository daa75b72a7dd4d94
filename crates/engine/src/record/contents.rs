//! The lines of `misc/dsnap.lock`: read as a whole, and written as a whole.

use std::io;
use std::os::unix::fs::MetadataExt;

use crate::limits::{MAX_LOCK_FILE, MAX_RECORDS};
use crate::record::FILE;
use crate::record::LastRun;
use crate::record::entry::Record;
use crate::record::run_record::RunRecord;
use crate::storage::Storage;

/// The first word of the line that names the file's inode.
const INODE: &str = "inode";

/// What the file says.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// The run that is going on. If no process holds the lock, it was killed.
    pub(crate) run: Option<RunRecord>,
    /// The snapshots that may be held, oldest first.
    pub(crate) records: Vec<Record>,
    /// The last run that ended.
    pub(crate) last: Option<LastRun>,
}

/// The file, read without taking the lock.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// What it says.
    pub(crate) contents: Contents,
    /// How many of its lines cannot be read.
    pub(crate) damaged: usize,
    /// It was copied from another storage.
    pub(crate) is_copy: bool,
}

impl Contents {
    /// Reads the text of the file. Returns also how many lines cannot be read.
    pub(super) fn parse(text: &[u8]) -> (Self, usize) {
        let text = String::from_utf8_lossy(text);
        let (mut contents, mut damaged) = (Self::default(), 0);
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(record) = Record::from_line(line) {
                contents.records.push(record);
            } else if let Some(run) = RunRecord::from_line(line) {
                contents.run = Some(run);
            } else if let Some(last) = LastRun::from_line(line) {
                contents.last = Some(last);
            } else {
                damaged += usize::from(!is_inode_line(line));
            }
        }
        // This program keeps no more, so somebody else wrote the others.
        let surplus = contents.records.len().saturating_sub(MAX_RECORDS);
        contents.records.drain(..surplus);
        (contents, damaged + surplus)
    }

    /// Writes the text of the file, which has that inode.
    pub(super) fn to_text(&self, inode: u64) -> String {
        let run = self.run.iter().map(RunRecord::to_line);
        let records = self.records.iter().map(Record::to_line);
        let last = self.last.iter().map(LastRun::to_line);
        let lines = [format!("{INODE} {inode}")].into_iter().chain(run).chain(records).chain(last);
        lines.map(|line| line + "\n").collect()
    }
}

impl Look {
    /// Returns the codes of snapshots that earlier runs may have left behind, as `misc/snapshot` has
    /// them.
    pub(crate) fn unsettled(&self) -> Vec<String> {
        self.contents.records.iter().map(|record| format!("user/{}", record.code)).collect()
    }

    /// Reads the file of a storage. If the file does not exist, no run has used the storage.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub(crate) fn at(storage: &Storage) -> io::Result<Self> {
        let misc = &storage.folders().misc;
        let inode = match misc.look(FILE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            found => found?.ino(),
        };
        let (contents, damaged) = Contents::parse(&misc.read(FILE, MAX_LOCK_FILE)?);
        let is_copy = contents.records.iter().any(|record| record.file != inode);
        Ok(Self { contents, damaged, is_copy })
    }
}

/// Says whether a line names the inode of the file.
fn is_inode_line(line: &str) -> bool {
    let inode = line.strip_prefix(INODE).and_then(|rest| rest.strip_prefix(' '));
    inode.is_some_and(|inode| inode.parse::<u64>().is_ok())
}
