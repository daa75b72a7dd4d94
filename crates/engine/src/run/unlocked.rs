//! Leaves unlocked snapshots. A storage whose server does not answer must not keep the others frozen.
//! So each snapshot is tried once, and only then the tries that failed are repeated.

use dsnap_core::Reason;

use crate::run::event::Event;
use crate::run::leave::EnteredSnapshot;
use crate::run::member::Member;
use crate::run::snapshot::Snapshot;

/// The snapshot of one storage, after its lock is released.
pub(crate) struct Unlocked<'a> {
    member: &'a Member<'a>,
    /// The snapshot that is still to be left.
    entered: Option<EnteredSnapshot<'a>>,
    /// Another server has opened the storage while the lock was held.
    restarted: bool,
    /// A server was started meanwhile, and waits to be restarted.
    server_came_up: bool,
    /// Why the snapshot could not be left.
    not_left: Option<Reason>,
}

impl<'a> Unlocked<'a> {
    /// Unlocks a snapshot.
    pub(crate) fn new(member: &'a Member<'a>, snapshot: Snapshot<'a>) -> Self {
        let Snapshot { lock, entered, was_open, .. } = snapshot;
        // Made before the look: if that panics, `entered` is still left with the right privileges.
        let mut made =
            Self { member, entered, restarted: false, server_came_up: false, not_left: None };
        made.restarted = member.within(move || {
            let restarted = lock.main_lock_was_taken();
            drop(lock);
            restarted
        });
        made.server_came_up = made.restarted && !was_open;
        member.session.program.report(Event::Unlocked);
        member.session.lock.allow_trial();
        made
    }

    /// Tries once to leave what this run entered, if that is still to do.
    pub(crate) fn try_to_leave(&mut self) {
        let Self { member, entered, restarted, .. } = self;
        let Some(snapshot) = entered else { return };
        let Some(end) = member.within(|| snapshot.try_to_leave(*restarted)) else { return };
        *entered = None;
        if let Err(failure) = end {
            self.not_left = Some(failure.into_reason());
        }
    }

    /// Says how the storage was left: returns why it could not be.
    fn end(mut self) -> Option<Reason> {
        if self.server_came_up {
            self.member.session.program.report(Event::ServerStuck);
        }
        let elsewhere = self.member.tries.borrow().not_left.clone();
        let not_left = self.not_left.take().or(elsewhere);
        not_left.map(|reason| self.member.reporter.name(reason))
    }
}

/// Leaves on the ways out that no code foresees (a panic).
impl Drop for Unlocked<'_> {
    fn drop(&mut self) {
        let entered = self.entered.take();
        self.member.within(|| drop(entered));
    }
}

/// Repeats the leaves that failed, in turn, until each is confirmed or given up. Returns why storages
/// could not be left.
pub(crate) fn leave_all(mut unlocked: Vec<Unlocked<'_>>) -> Vec<Reason> {
    let is_to_do = |it: &Unlocked<'_>| it.entered.is_some();
    while let Some(next) = unlocked.iter().find(|it| is_to_do(it)) {
        std::thread::sleep(next.member.session.job.timing.leave_pause);
        unlocked.iter_mut().for_each(Unlocked::try_to_leave);
    }
    unlocked.into_iter().filter_map(Unlocked::end).collect()
}
