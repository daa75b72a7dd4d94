//! What a model is made of: which runs there are, how much may go wrong, and by which rules they go.

use super::state::{Disk, File, Holder, Phase, Run, Server, State, Usage};
use crate::record::evidence::Evidence;

/// Which lines a run has, besides that of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conf {
    /// `direct` is the last resort.
    Direct,
    /// `nodirect`, and a snapshot of any age is accepted.
    Accepting,
}

/// The rules of a run. The original broke each of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// A run first leaves what earlier runs left behind.
    pub(super) cleans_up: bool,
    /// A run holds a lock of its own from before the enter until after the leave.
    pub(super) run_lock: bool,
    /// What was entered and cannot be used is left.
    pub(super) leaves_unusable: bool,
    /// Only a fresh snapshot will do.
    pub(super) refuses_old: bool,
    /// An enter without an answer is over before a leave is sent.
    pub(super) awaits_enter: bool,
}

impl Rules {
    pub(super) const OURS: Self = Self {
        cleans_up: true,
        run_lock: true,
        leaves_unusable: true,
        refuses_old: true,
        awaits_enter: true,
    };
}

/// The world around the runs. They rely on the last three, and cannot see to that themselves.
#[derive(Debug, Clone, Copy)]
pub(super) struct World {
    /// Somebody enters and leaves by hand.
    pub(super) administrator: bool,
    /// While the server cannot write its code, no request to enter under another code is on its way. So
    /// an empty `misc/snapshot` is that of the run which waits for it.
    pub(super) empty_file_is_own: bool,
    /// A request ends with the server that it was sent to.
    pub(super) requests_end_with_server: bool,
    /// When the server ends an enter, or leaves, no other request to enter under that code is on its way.
    pub(super) enters_end_together: bool,
}

impl World {
    pub(super) const REAL: Self = Self {
        administrator: true,
        empty_file_is_own: true,
        requests_end_with_server: true,
        enters_end_together: true,
    };
}

/// A model.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) runs: Vec<Conf>,
    /// How many disturbances there are at most.
    pub(super) disturbances: u8,
    /// How many tries a run makes at most.
    pub(super) tries: u8,
    pub(super) rules: Rules,
    pub(super) world: World,
}

impl Site {
    /// Returns a server in ordinary use, and runs that have not begun.
    pub(super) fn begin(&self) -> State {
        let run = Run {
            phase: Phase::Outside,
            tries: 0,
            code: 0,
            record: None,
            evidence: Evidence::Unknown,
            owes: false,
            command: false,
            restarted: false,
            not_left: false,
        };
        State {
            disk: Disk {
                file: File::Absent,
                sublock: Holder::Server,
                backlog: false,
                torn: false,
                full: false,
            },
            server: Server { up: true, usage: Usage::Normal, entering: None },
            requests: Vec::new(),
            runs: vec![run; self.runs.len()],
            disturbances: self.disturbances,
        }
    }
}
