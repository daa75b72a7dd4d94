//! How a process and its host stand in a line of `misc/dsnap.lock`.

use dsnap_core::text;

use crate::record::checksummed::{Sealed, Sealing};
use crate::system::process::{Place, ProcessId};

impl ProcessId {
    /// Adds a process under `name` to a line, if there is one.
    pub(super) fn optional_fields(process: Option<&Self>, line: Sealing, name: &str) -> Sealing {
        match process {
            Some(Self { pid, start }) => line.field(name, format!("{pid},{start}")),
            None => line,
        }
    }

    /// Reads it back.
    pub(super) fn from_fields(fields: Sealed<'_>, name: &str) -> Option<Self> {
        let text = fields.text(name)?;
        let (pid, start) = text.split_once(',')?;
        Some(Self { pid: pid.parse().ok()?, start: start.parse().ok()? })
    }
}

impl Place {
    /// Adds the place to a line.
    pub(super) fn fields(&self, line: Sealing) -> Sealing {
        line.field("host", &self.host).field("boot", &self.boot).number("pidns", self.pid_namespace)
    }

    /// Reads it back.
    pub(super) fn from_fields(fields: Sealed<'_>) -> Option<Self> {
        Some(Self {
            host: text::harmless(fields.text("host")?),
            boot: text::harmless(fields.text("boot")?),
            pid_namespace: fields.number("pidns")?,
        })
    }
}
