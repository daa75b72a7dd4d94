//! What is due for a record of an earlier run: a pure function of the record and of what the storage
//! shows.
//!
//! It stands apart from the cleaning up, so that the model of a run asks the same function.

use dsnap_core::Code;

use crate::record::evidence::Evidence;
use crate::storage::main_lock::Openness;
use crate::storage::snapshot_file::{Content, SnapshotFile};

/// What is due for a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// The enter closed the storage: its line opens it again.
    OpenAgain,
    /// This storage's server may hold the snapshot: it is left.
    Leave,
    /// The server of another storage may hold the snapshot: it is left there.
    LeaveElsewhere,
    /// Nothing can be done now, and the record stays.
    Nothing,
    /// Nothing is held by it: the record is removed.
    Settle,
}

/// A record, and what the storage shows.
pub(super) struct Found<'a> {
    pub(super) code: &'a Code,
    pub(super) evidence: Evidence,
    pub(super) may_close: bool,
    pub(super) file: &'a SnapshotFile,
    pub(super) openness: Openness,
    /// Says whether another server has opened the storage since the enter was sent.
    pub(super) restarted: &'a dyn Fn() -> bool,
}

impl Found<'_> {
    /// Says what is due.
    pub(super) fn due(&self) -> Due {
        if self.may_have_closed() {
            return Due::OpenAgain;
        }
        let closed = self.openness == Openness::Closed;
        if !closed && (self.file.is_held_by(self.code) || self.may_be_unwritten()) {
            return Due::Leave;
        }
        match self.evidence {
            // While no server has this storage open, nothing is sent.
            Evidence::Elsewhere if closed => Due::Nothing,
            Evidence::Elsewhere => Due::LeaveElsewhere,
            Evidence::Unknown if !closed && !(self.restarted)() => Due::Nothing,
            _ => Due::Settle,
        }
    }

    /// Says whether the server may be in the recorded snapshot although it could not write its code.
    fn may_be_unwritten(&self) -> bool {
        let elsewhere = self.evidence == Evidence::Elsewhere;
        self.file.content == Content::Empty && !elsewhere && !(self.restarted)()
    }

    /// Says whether the recorded enter may be what closed the storage.
    fn may_have_closed(&self) -> bool {
        let (shutdown, closed) =
            (self.file.content == Content::Shutdown, self.openness == Openness::Closed);
        match self.evidence {
            // Where a server did not close it, the run may have been killed while `direct` did.
            Evidence::Closed => closed || shutdown && self.openness == Openness::Unknown,
            Evidence::Unknown => {
                let restarted = self.openness == Openness::Unknown && (self.restarted)();
                shutdown && self.may_close && (closed || restarted)
            }
            Evidence::Here | Evidence::Elsewhere => false,
        }
    }
}
