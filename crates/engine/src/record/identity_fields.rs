//! How a process, its host, and the stamp of `misc/lock` stand in a line of `misc/dsnap.lock`.

use dsnap_core::text;

use crate::record::checksummed::{ChecksummedLine, LineWriter};
use crate::storage::main_lock::LockStamp;
use crate::system::process::{Host, ProcessId};

impl ProcessId {
    /// Adds a process under `name` to a line, if there is one.
    pub(super) fn optional_fields(
        process: Option<&Self>,
        line: LineWriter,
        name: &str,
    ) -> LineWriter {
        match process {
            Some(Self { pid, start }) => line.field(name, format!("{pid},{start}")),
            None => line,
        }
    }

    /// Reads a process back.
    pub(super) fn from_fields(fields: ChecksummedLine<'_>, name: &str) -> Option<Self> {
        let text = fields.text(name)?;
        let (pid, start) = text.split_once(',')?;
        Some(Self { pid: pid.parse().ok()?, start: start.parse().ok()? })
    }
}

impl LockStamp {
    /// Adds a stamp under `name` to a line, if there is one.
    pub(super) fn optional_field(stamp: Option<Self>, line: LineWriter, name: &str) -> LineWriter {
        match stamp {
            Some(Self { inode, seconds, nanoseconds }) => {
                line.field(name, format!("{inode},{seconds},{nanoseconds}"))
            }
            None => line,
        }
    }

    /// Reads a stamp back.
    pub(super) fn from_fields(fields: ChecksummedLine<'_>, name: &str) -> Option<Self> {
        let text = fields.text(name)?;
        let mut numbers = text.splitn(3, ',');
        Some(Self {
            inode: numbers.next()?.parse().ok()?,
            seconds: numbers.next()?.parse().ok()?,
            nanoseconds: numbers.next()?.parse().ok()?,
        })
    }
}

impl Host {
    /// Adds the host to a line.
    pub(super) fn fields(&self, line: LineWriter) -> LineWriter {
        line.field("host", &self.host)
            .field("machine", &self.machine)
            .field("boot", &self.boot)
            .number("pidns", self.pid_namespace)
    }

    /// Reads a host back.
    pub(super) fn from_fields(fields: ChecksummedLine<'_>) -> Option<Self> {
        Some(Self {
            host: text::harmless(fields.text("host")?),
            // Older releases do not write it.
            machine: text::harmless(fields.text("machine").unwrap_or_default()),
            boot: text::harmless(fields.text("boot")?),
            pid_namespace: fields.number("pidns")?,
        })
    }
}
