//! The state of a storage, whether a run would work, and the next step for each thing that is wrong.
//!
//! A diagnosis locks nothing, writes nothing and enters nothing. What each part looks at is in `facts`,
//! which state that makes is the table in `state`, and what follows from it is in `findings`.

mod facts;
mod finding;
mod findings;
mod lines;
mod size;
mod state;
mod state_findings;
mod subject;

use std::time::{Duration, SystemTime};

use dsnap_core::Reason;

use crate::diagnosis::facts::Facts;
use crate::run::job::Failure;
use crate::run::session::Session;
use crate::storage::snapshot_lock;

pub use crate::diagnosis::facts::LockView;
pub use crate::diagnosis::finding::{Finding, Severity};
pub use crate::diagnosis::lines::{LineAnswer, LineReport};
pub use crate::diagnosis::size::Size;
pub use crate::diagnosis::state::State;
pub use crate::record::LastRun;

/// What is known of a storage.
// wide: one field for each thing that people are told.
#[derive(Debug)]
pub struct Diagnosis {
    /// The state of the storage.
    pub state: State,
    /// The snapshot code in `misc/snapshot`, as the file has it.
    pub code: Option<String>,
    /// How long ago `misc/snapshot` was written.
    pub age: Option<Duration>,
    /// The last transaction in `A/`.
    pub last_transaction: Option<[u8; 8]>,
    /// Who has the storage open: `misc/lock`.
    pub server: LockView,
    /// Who may write to `A/`, or keeps others from it: `misc/sublock`.
    pub sublock: LockView,
    /// Which run of dsnap uses the storage: `misc/dsnap.lock`.
    pub run: LockView,
    /// What each line of the conf would do.
    pub lines: Vec<LineReport>,
    /// The codes of snapshots that earlier runs may have left behind.
    pub unsettled: Vec<String>,
    /// The last run, and how long ago it ended.
    pub last_run: Option<(LastRun, Duration)>,
    /// What is in `B/`.
    pub b: Option<Size>,
    /// What is in `journal/`.
    pub journal: Option<Size>,
    /// The kind of the file system, and whether locks on it are known to reach every machine.
    pub file_system: (String, bool),
    /// The findings, the worst first.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// Looks at the storage of a session, and asks each line of its conf. A server is not asked if no
    /// process is known to have the storage open.
    ///
    /// # Errors
    ///
    /// `misc/snapshot` cannot be read.
    pub fn of(session: &Session<'_>) -> Result<Self, Reason> {
        let mut facts = Facts::of(session)?;
        facts.count(session);
        let lines = lines::ask(session, &facts);
        let state = state::state(&facts, lines::is_server_busy(&lines));
        let findings = findings::findings(session, &facts, state, &lines);
        Ok(Self { lines, findings, ..Self::outline(session, facts, state) })
    }

    /// Looks at the storage after a run that got no snapshot, and asks nobody: the run has reported what
    /// each line answered. The diagnosis has no lines, no findings and no sizes.
    ///
    /// # Errors
    ///
    /// `misc/snapshot` cannot be read.
    pub fn after_run(session: &Session<'_>, failure: &Failure) -> Result<Self, Reason> {
        let facts = Facts::of(session)?;
        let state = state::state(&facts, matches!(failure, Failure::Recombining(_)));
        Ok(Self::outline(session, facts, state))
    }

    fn outline(session: &Session<'_>, facts: Facts, state: State) -> Self {
        let now = snapshot_lock::seconds(SystemTime::now());
        let ago = |last: &LastRun| Duration::from_secs(now.saturating_sub(last.ended));
        let Facts { file, server, sublock, run, look, b, journal, .. } = facts;
        Self {
            state,
            code: file.code(),
            age: facts.age,
            last_transaction: session.storage.last_transaction(),
            server,
            sublock,
            run,
            lines: Vec::new(),
            unsettled: look.unsettled(),
            last_run: look.contents.last.map(|last| (last.clone(), ago(&last))),
            b,
            journal,
            file_system: (facts.file_system, facts.locks_reach),
            findings: Vec::new(),
        }
    }

    /// Returns how bad it is: the worst of the findings.
    pub fn severity(&self) -> Severity {
        self.findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Ready)
    }
}
