//! The line of `misc/dsnap.lock` that describes the run holding the lock.

use std::io;
use std::time::SystemTime;

use dsnap_core::Code;

use crate::limits::MAX_LOCK_FILE;
use crate::record::FILE;
use crate::record::checksummed::{ChecksummedLine, LineWriter};
use crate::storage::{Storage, snapshot_lock};
use crate::system::process::{Host, Life, ProcessId};

/// The first word of the line.
const KIND: &str = "run";

/// The run that holds the lock, as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    /// The code of its snapshot.
    pub code: Code,
    /// The process of the tool.
    pub tool: ProcessId,
    /// The process of COMMAND, once it runs.
    pub command: Option<ProcessId>,
    /// The host on which both run.
    pub host: Host,
    /// When the run began, in seconds since 1970.
    pub since: u64,
}

impl RunRecord {
    /// Describes this process as a run that begins now.
    pub fn new(code: Code) -> Self {
        let since = snapshot_lock::seconds(SystemTime::now());
        Self { code, tool: ProcessId::own(), command: None, host: Host::here(), since }
    }

    /// Reads which run the file of `storage` names, if it names one.
    pub fn read(storage: &Storage) -> io::Result<Option<Self>> {
        let content = match storage.folders().misc.read(FILE, MAX_LOCK_FILE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            content => content?,
        };
        Ok(String::from_utf8_lossy(&content).lines().find_map(Self::from_line))
    }

    /// Says whether the tool or COMMAND may still be alive: what cannot be seen from here may be.
    pub fn may_live(&self) -> bool {
        let processes = std::iter::once(&self.tool).chain(&self.command);
        processes.map(|process| self.host.life_of(Some(process))).any(|life| life != Life::Ended)
    }

    pub(super) fn to_line(&self) -> String {
        let line =
            LineWriter::new(KIND).field("code", self.code.as_str()).number("since", self.since);
        let line = ProcessId::optional_fields(Some(&self.tool), self.host.fields(line), "tool");
        ProcessId::optional_fields(self.command.as_ref(), line, "command").finish()
    }

    pub(super) fn from_line(line: &str) -> Option<Self> {
        let fields = ChecksummedLine::parse(line, KIND)?;
        Some(Self {
            code: Code::from_file(&fields.bytes("code")?)?,
            tool: ProcessId::from_fields(fields, "tool")?,
            command: ProcessId::from_fields(fields, "command"),
            host: Host::from_fields(fields)?,
            since: fields.number("since")?,
        })
    }
}
