//! The snapshots of a try: all of them are checked after COMMAND, and left in reverse order,
//! whatever happens.

use std::time::Duration;

use dsnap_core::Reason;

use crate::failure::Failure;
use crate::run::environment::{CommandSnapshot, Environment};
use crate::run::hold::HoldLimit;
use crate::run::job::{CommandEnd, NotRun, Outcome};
use crate::run::locked::Locked;
use crate::run::snapshot::Snapshot;
use crate::run::unlocked::{self, Unlocked};
use crate::system::process::ProcessId;

const FIND_OUT: &str = "find out who wrote to misc/ in the storage, and run again";

/// The snapshot of one storage, locked.
struct Held<'a> {
    locked: &'a Locked<'a>,
    snapshot: Snapshot<'a>,
}

/// The snapshots of a try, in the order in which they were entered.
#[derive(Default)]
pub(crate) struct HeldSnapshots<'a>(Vec<Held<'a>>);

impl<'a> HeldSnapshots<'a> {
    /// Adds the snapshot of another storage.
    pub(crate) fn push(&mut self, locked: &'a Locked<'a>, snapshot: Snapshot<'a>) {
        self.0.push(Held { locked, snapshot });
    }

    /// Checks that each snapshot has lasted while the later ones were entered. The last one was checked
    /// when it was locked.
    ///
    /// # Errors
    ///
    /// One has changed, so COMMAND would not run with all storages frozen.
    pub(crate) fn check_earlier(&self) -> Result<(), NotRun> {
        let earlier = &self.0[..self.0.len().saturating_sub(1)];
        let Some(held) = earlier.iter().find(|held| held.broken().is_some()) else { return Ok(()) };
        let what = "the snapshot ended while the other storages were entered";
        Err(held.locked.member.failed(Failure::unavailable(what).hint(FIND_OUT)))
    }

    /// Makes the limit of the snapshots. It counts from the first enter of any storage.
    pub(crate) fn limit(&self, max: Duration) -> Option<HoldLimit> {
        let limit = |held: &Held<'_>| held.locked.member.tries.borrow().first_enter.limit(max);
        self.0.iter().map(limit).min_by_key(|limit| limit.since)
    }

    /// Makes the environment of COMMAND.
    pub(crate) fn environment(&self) -> Environment<'_> {
        let mut in_order: Vec<_> = self.0.iter().collect();
        in_order.sort_by_key(|held| held.locked.member.reporter.number());
        Environment::new(in_order.into_iter().map(Held::for_command).collect())
    }

    /// Writes down which process COMMAND is.
    pub(crate) fn command_began(&self, process: &ProcessId) {
        for Held { locked, .. } in &self.0 {
            let code = &locked.member.tries.borrow().code;
            locked.member.within(|| locked.run_lock.command_began(code, process));
        }
    }

    /// Checks that all snapshots are still as they were, then unlocks and leaves each.
    pub(crate) fn end(mut self, command: Result<Option<CommandEnd>, NotRun>) -> Outcome {
        // If there was no snapshot for COMMAND, no result relies on the others.
        let is_used = !matches!(command, Err(NotRun::NoSnapshot { .. }));
        let used = self.0.iter().filter(|_| is_used);
        let broken = used.filter_map(Held::broken).collect();
        let mut unlocked = Vec::new();
        while let Some(Held { locked, snapshot }) = self.0.pop() {
            let mut it = Unlocked::new(locked.member, snapshot);
            it.try_to_leave();
            unlocked.push(it);
        }
        Outcome { command, broken, not_left: unlocked::leave_all(unlocked) }
    }
}

/// Leaves the snapshots on the ways out that no code foresees (a panic).
impl Drop for HeldSnapshots<'_> {
    fn drop(&mut self) {
        while let Some(held) = self.0.pop() {
            let member = held.locked.member;
            member.within(|| drop(held));
        }
    }
}

impl Held<'_> {
    fn for_command(&self) -> CommandSnapshot<'_> {
        let member = self.locked.member;
        let code = &member.tries.borrow().code;
        member.within(|| self.snapshot.for_command(member.session.storage, code))
    }

    /// Says why the guarantee did not hold until now, if it did not.
    fn broken(&self) -> Option<Reason> {
        let member = self.locked.member;
        let broken = member.within(|| self.snapshot.lock.check().err());
        broken.map(|reason| member.reporter.name(reason))
    }
}
