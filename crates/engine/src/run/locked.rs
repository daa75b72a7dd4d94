//! A storage whose run lock is held: it is cleaned up, looked at and entered, and then released.

use std::time::SystemTime;

use crate::record::LastRun;
use crate::record::run_lock::RunLock;
use crate::record::run_record::RunRecord;
use crate::run::attempt::Attempt;
use crate::run::event::Event;
use crate::run::job::{NotRun, Outcome};
use crate::run::member::Member;
use crate::run::snapshot::Snapshot;
use crate::run::{clean_up, existing};
use crate::storage::snapshot_lock;

/// A storage of a run, with its run lock.
pub(crate) struct Locked<'a> {
    pub(crate) member: &'a Member<'a>,
    pub(crate) run_lock: RunLock,
}

impl<'a> Locked<'a> {
    /// Takes the run lock of a storage, and describes this run in its file.
    ///
    /// # Errors
    ///
    /// Another run holds the lock, or the file cannot be used.
    pub(crate) fn take(member: &'a Member<'a>) -> Result<Self, NotRun> {
        let session = &member.session;
        member.within(|| {
            let run_lock = RunLock::take(session.storage).map_err(|why| member.failed(why))?;
            let mut tries = member.tries.borrow_mut();
            tries.renew(&run_lock);
            session.lock.allow_trial();
            run_lock.describe(&RunRecord::new(tries.code.clone()));
            Ok(Self { member, run_lock })
        })
    }

    /// Leaves what earlier runs left behind.
    ///
    /// # Errors
    ///
    /// It is still in use, or could not be left; or the program was asked to end.
    pub(crate) fn clean_up(&self) -> Result<(), NotRun> {
        let session = &self.member.session;
        let ours = self.member.tries.borrow().code.clone();
        let cleaned =
            self.member.within(|| clean_up::clean_up(session, &self.run_lock, Some(&ours)));
        match (cleaned, session.program.stopped()) {
            (Ok(()), _) => Ok(()),
            (Err(failure), None) => Err(self.member.failed(failure)),
            (Err(failure), Some(signal)) => {
                session.program.report(Event::NotLeft(failure.into_reason()));
                Err(NotRun::Stopped(signal))
            }
        }
    }

    /// Checks that the storage is not seen in use. Asks no server.
    ///
    /// # Errors
    ///
    /// Somebody uses it.
    pub(crate) fn look(&self) -> Result<(), NotRun> {
        let ours = self.member.tries.borrow().code.clone();
        let look = || existing::check_unused(&self.member.session, &self.run_lock, &ours);
        self.member.within(look).map_err(|why| self.member.failed(why))
    }

    /// Enters by the first line that works, and locks the snapshot.
    ///
    /// # Errors
    ///
    /// There is no fresh snapshot, or the program was asked to end. What was entered is left.
    pub(crate) fn enter(&self) -> Result<Snapshot<'_>, NotRun> {
        let session = &self.member.session;
        let mut tries = self.member.tries.borrow_mut();
        let attempt = Attempt::new(
            session,
            &self.run_lock,
            tries.code.clone(),
            tries.began,
            tries.first_enter.clone(),
        );
        let entered = self.member.within(|| attempt.snapshot(&mut tries.not_left));
        let snapshot = entered.map_err(|why| self.member.failed(why))?;
        tries.entered_by.clone_from(&snapshot.entered_by);
        session.program.report(Event::Locked(tries.code.clone(), snapshot.tid));
        Ok(snapshot)
    }

    /// Writes how the run ended, and releases the lock.
    pub(crate) fn release(self, outcome: &Outcome) {
        let entered_by = self.member.tries.borrow_mut().entered_by.take();
        let last = LastRun {
            ended: snapshot_lock::seconds(SystemTime::now()),
            status: outcome.status(),
            entered_by: entered_by.unwrap_or_default(),
        };
        self.member.within(|| self.run_lock.release(Some(last)));
    }
}
