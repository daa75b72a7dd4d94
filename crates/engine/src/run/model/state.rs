//! The state of the model: the files, the locks, the server, the requests on their way and the runs.
//!
//! What a run decides is decided by the real functions. So the parts convert into the real types.

use dsnap_core::Code;

use crate::record::evidence::Evidence;
use crate::storage::Leftovers;
use crate::storage::main_lock::Openness;
use crate::storage::snapshot_file::{Content, SnapshotFile};

/// Who entered a snapshot, and so its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Name {
    /// A run, by its number, and which of its codes.
    Run(u8, u8),
    Admin,
}

/// `misc/snapshot`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum File {
    Absent,
    Empty,
    Shutdown,
    Packing,
    User(Name),
}

/// Who holds `misc/sublock`. A run holds it together with its COMMAND.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Holder {
    Free,
    Server,
    Run(u8),
    Admin,
}

/// The storage.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Disk {
    pub(super) file: File,
    pub(super) sublock: Holder,
    /// A committed transaction is in `journal/` or `B/`, and not in `A/`.
    pub(super) backlog: bool,
    /// `A/` may contain half a transaction.
    pub(super) torn: bool,
    /// No file can be written.
    pub(super) full: bool,
}

/// What the server uses the storage for: its snapshot code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Usage {
    Normal,
    Snapshot(Name),
    Recombining,
    Packing,
    /// It was started while a process held `misc/sublock`.
    Startup,
}

/// How far an enter has come in the server. The next step is made under this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Entering {
    /// The journal is flushed into `A/`; then the code is set.
    Flush(Name),
    /// The code is set; `misc/snapshot` is not written yet.
    Write(Name),
    /// `misc/snapshot` is written; `misc/sublock` is still held.
    Unlock(Name),
}

/// The server that may have the storage open.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Server {
    pub(super) up: bool,
    pub(super) usage: Usage,
    pub(super) entering: Option<Entering>,
}

/// A request that was sent and has not reached the server yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Request {
    Enter(Name),
    Leave(Name),
}

/// The record of a run in `misc/dsnap.lock`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Record {
    /// Under which of its codes the run entered.
    pub(super) code: u8,
    pub(super) evidence: Evidence,
    /// `misc/lock` was taken since.
    pub(super) restarted: bool,
}

/// What a try knows of its lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Lines {
    /// This is the second round over the lines.
    pub(super) last: bool,
    /// No process had the storage open, so the server was not asked.
    pub(super) passed_over: bool,
    /// The enter has no answer.
    pub(super) unknown: bool,
    /// The method `direct` refused the files.
    pub(super) refused: bool,
    /// The enter without an answer was waited for.
    pub(super) settled: bool,
    /// An enter of an earlier try, under the same code, may still come.
    pub(super) earlier: bool,
}

/// Which method brought the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum By {
    Server,
    Files,
}

/// In what COMMAND runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Used {
    /// In the snapshot that this run entered, or in a storage that was closed since.
    Entered,
    /// In a storage that is closed and complete.
    Closed,
    /// In a snapshot that the user accepts, however old it is.
    Accepted { was_open: bool },
}

/// How far `direct` has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Lock,
    Look,
    Move,
    Write,
}

/// Why a snapshot is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Why {
    /// COMMAND has ended, or was not started.
    End,
    /// It cannot be used. `changed`: another round over the lines may bring one.
    Unusable { lines: Lines, changed: bool },
    /// The run with this number left it behind.
    Orphan(u8),
}

/// A snapshot that is being left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Leave {
    pub(super) name: Name,
    pub(super) evidence: Evidence,
    pub(super) why: Why,
    /// Only a restart of the server can help: no second try.
    pub(super) is_last: bool,
    /// A try has failed.
    pub(super) failed: bool,
}

/// Where a run is. The names are those of the steps in `run.rs`, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// Before the run, and between two tries.
    Outside,
    /// The next record to look at is that of the run with this number.
    CleaningUp(u8),
    /// The record of the enter is to be written.
    Recording(Lines),
    /// The server is to be asked what it does, and then to enter.
    Asking(Lines),
    /// The enter was sent.
    Asked(Lines),
    Direct(Step, Lines),
    /// The enter has no answer, and no other line worked.
    Pending(Lines),
    /// A method reports success.
    Entered(By, Lines),
    /// `misc/snapshot` was fresh; now `misc/sublock` is locked.
    Locking(By, Lines),
    /// No method worked.
    WithoutMethod(Lines),
    Locked(Used),
    /// COMMAND runs.
    Running(Used),
    /// COMMAND has ended.
    Ended(Used),
    Leaving(Leave),
    /// The leave was sent.
    LeaveAsked(Leave),
    /// This try has failed.
    Failed,
    Over,
    Killed,
}

/// A run of the program.
// wide: one field for each thing that outlives a step
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Run {
    pub(super) phase: Phase,
    /// Which try this is.
    pub(super) tries: u8,
    /// Which code this is: a later try takes another one, unless the enter may still come.
    pub(super) code: u8,
    pub(super) record: Option<Record>,
    /// What the run itself knows of the snapshot that it has entered.
    pub(super) evidence: Evidence,
    /// A transaction that was committed before this run entered is not in `A/` yet.
    pub(super) owes: bool,
    /// COMMAND lives.
    pub(super) command: bool,
    /// `misc/lock` was taken since this run locked `misc/sublock`.
    pub(super) restarted: bool,
    /// The run has said that it could not leave a snapshot.
    pub(super) not_left: bool,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) disk: Disk,
    pub(super) server: Server,
    pub(super) requests: Vec<Request>,
    pub(super) runs: Vec<Run>,
    /// How many disturbances may still come.
    pub(super) disturbances: u8,
}

impl Name {
    pub(super) fn code(self) -> Code {
        let text = match self {
            Self::Run(run, code) => format!("run-{run}-{code}"),
            Self::Admin => "toolkit".to_owned(),
        };
        Code::from_bytes(text.as_bytes()).unwrap()
    }
}

impl File {
    pub(super) fn real(self) -> SnapshotFile {
        SnapshotFile::with(match self {
            Self::Absent => Content::Absent,
            Self::Empty => Content::Empty,
            Self::Shutdown => Content::Shutdown,
            Self::Packing => Content::Packing,
            Self::User(name) => Content::User(name.code().as_str().into()),
        })
    }
}

impl Entering {
    pub(super) fn name(self) -> Name {
        match self {
            Self::Flush(name) | Self::Write(name) | Self::Unlock(name) => name,
        }
    }
}

impl Server {
    /// Says whether the server may write to `A/` now.
    pub(super) fn writes(&self) -> bool {
        self.up && matches!(self.usage, Usage::Normal | Usage::Recombining | Usage::Packing)
    }
}

impl Run {
    /// Says whether the run holds its run lock.
    pub(super) fn is_inside(&self) -> bool {
        !matches!(self.phase, Phase::Outside | Phase::Over | Phase::Killed)
    }

    /// Says whether `direct` holds `misc/lock` for this run.
    pub(super) fn moves_files(&self) -> bool {
        matches!(self.phase, Phase::Direct(Step::Look | Step::Move | Step::Write, _))
    }
}

impl State {
    pub(super) fn name(&self, run: usize) -> Name {
        Name::Run(number(run), self.runs[run].code)
    }

    /// Says whether a process holds `misc/lock`.
    pub(super) fn openness(&self) -> Openness {
        let open = self.server.up || self.runs.iter().any(Run::moves_files);
        if open { Openness::Open } else { Openness::Closed }
    }

    /// Notes that a process took `misc/lock`.
    pub(super) fn main_lock_taken(&mut self) {
        for run in &mut self.runs {
            run.restarted |=
                matches!(run.phase, Phase::Running(_) | Phase::Locked(_) | Phase::Ended(_));
            run.record.iter_mut().for_each(|record| record.restarted = true);
        }
    }

    /// Notes that everything that was committed is in `A/`.
    pub(super) fn all_in_a(&mut self) {
        (self.disk.backlog, self.disk.torn) = (false, false);
        self.runs.iter_mut().for_each(|run| run.owes = false);
    }

    pub(super) fn leftovers(&self) -> Leftovers {
        Leftovers { done: self.disk.backlog, ..Leftovers::default() }
    }

    /// Writes into the record of a run. On a full disk nothing is written.
    pub(super) fn write_record(&mut self, run: usize, record: Option<Record>) {
        if !self.disk.full {
            self.runs[run].record = record;
        }
    }

    pub(super) fn set_evidence(&mut self, run: usize, evidence: Evidence) {
        self.runs[run].evidence = evidence;
        let known = self.runs[run].record;
        self.write_record(run, known.map(|record| Record { evidence, ..record }));
    }

    pub(super) fn send(&mut self, request: Request) {
        self.requests.push(request);
        self.requests.sort();
    }
}

pub(super) fn number(run: usize) -> u8 {
    u8::try_from(run).unwrap()
}
