//! A scripted method, and what it does to the storage: enters, leaves, or something else.

use std::collections::VecDeque;
use std::fmt;
use std::fs;
use std::sync::Mutex;

use dsnap_core::Reason;
use dsnap_core::method::{Entered, Left, Request, SnapshotMethod, Status, WorksWith};
use dsnap_engine::storage::Storage;

use super::scenario::Journal;

/// What a scripted method does to the storage before it answers; it gets the code, too.
pub(crate) type SideEffect = Box<dyn Fn(&Storage, &str) + Send + Sync>;

/// A method that answers as it is told, once for each answer.
pub(super) struct Scripted {
    pub(super) name: &'static str,
    pub(super) works_with: WorksWith,
    pub(super) enters: Mutex<VecDeque<(SideEffect, Entered)>>,
    pub(super) leaves: Mutex<VecDeque<(SideEffect, Left)>>,
    /// Without any, it cannot tell.
    pub(super) statuses: Mutex<VecDeque<Status>>,
    pub(super) journal: Journal,
    /// For each leave: the name, and whether the storage is said to show the snapshot.
    pub(super) leave_requests: Journal,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl SnapshotMethod for Scripted {
    fn name(&self) -> &str {
        self.name
    }

    fn works_with(&self) -> WorksWith {
        self.works_with
    }

    fn enter(&self, request: &Request<'_>) -> Entered {
        self.journal.lock().unwrap().push(format!("{} enters", self.name));
        let next = self.enters.lock().unwrap().pop_front();
        let (deed, answer) = next.expect("an enter that the scenario does not expect");
        deed(&Storage::open(request.storage).unwrap(), request.code.as_str());
        answer
    }

    fn leave(&self, request: &Request<'_>) -> Left {
        self.journal.lock().unwrap().push(format!("{} leaves", self.name));
        let request_of_leave = format!("{} seen: {}", self.name, request.snapshot_seen);
        self.leave_requests.lock().unwrap().push(request_of_leave);
        let next = self.leaves.lock().unwrap().pop_front();
        let (deed, answer) = next.expect("a leave that the scenario does not expect");
        deed(&Storage::open(request.storage).unwrap(), request.code.as_str());
        answer
    }

    fn status(&self, request: &Request<'_>) -> Status {
        match self.statuses.lock().unwrap().pop_front() {
            Some(Status::Held(_)) => Status::Held(format!("user/{}", request.code).into_bytes()),
            next => next.unwrap_or(Status::CannotTell),
        }
    }
}

/// The server is in the snapshot that was entered.
pub(crate) fn holds() -> Status {
    Status::Held(Vec::new())
}

/// Does nothing to the storage.
pub(crate) fn nothing() -> SideEffect {
    Box::new(|_, _| {})
}

/// Enters as a server does.
pub(crate) fn enter() -> SideEffect {
    Box::new(|storage, code| fs::write(storage.snapshot(), format!("user/{code}")).unwrap())
}

/// Writes this into `misc/snapshot`.
pub(crate) fn write_snapshot(content: &'static str) -> SideEffect {
    Box::new(move |storage, _| fs::write(storage.snapshot(), content).unwrap())
}

/// Leaves as a server does.
pub(crate) fn leave() -> SideEffect {
    Box::new(|storage, _| fs::remove_file(storage.snapshot()).unwrap())
}

/// A reason that a script gives.
pub(crate) fn because(text: &str) -> Reason {
    Reason::new(text)
}
