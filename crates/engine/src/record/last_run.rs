//! How the last run ended, for people who look later.

use crate::record::checksummed::{ChecksummedLine, LineWriter};

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
    use super::*;

    #[test]
    fn the_end_of_a_run_reads_back_as_it_was() {
        for entered_by in ["", "http://zope:8080/DSToolkit", "exec '/a b'"] {
            let last = LastRun { ended: 17, status: 75, entered_by: entered_by.to_owned() };
            assert_eq!(LastRun::from_line(&last.to_line()), Some(last));
        }
    }
}
