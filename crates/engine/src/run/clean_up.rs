//! Cleaning up: snapshots that earlier runs left behind are found by their records, and left.
//!
//! A run that holds the run lock knows that no other run is using those snapshots now; their COMMANDs
//! may. Nothing is sent while no server has the storage open.

use std::time::{Duration, Instant, SystemTime};

use dsnap_core::{Code, Reason, text};

use crate::conf::plan::Step;
use crate::failure::Failure;
use crate::record::entry::Record;
use crate::record::evidence::Evidence;
use crate::record::run_lock::RunLock;
use crate::run::due::{Due, Found};
use crate::run::event::Event;
use crate::run::leave::{self, EnteredSnapshot};
use crate::run::session::Session;
use crate::run::{copy, pending_enter, recorded_line};
use crate::storage::snapshot_file;
use crate::storage::snapshot_lock::{self, SnapshotLock};
use crate::system::lock_holders;
use crate::system::process::{Host, Life};
use crate::{durations, limits};

/// Leaves what earlier runs left behind, and removes settled records. `ours` is the code of this
/// run, which keeps its own record; `None` if only the repair is wanted.
///
/// # Errors
///
/// COMMAND of an earlier run still uses its snapshot, or a snapshot could not be left: the record
/// stays.
pub(crate) fn clean_up(
    session: &Session<'_>,
    run_lock: &RunLock,
    ours: Option<&Code>,
) -> Result<(), Failure> {
    report_damaged(session, run_lock);
    snapshot_file::remove_temporary(session.storage);
    if run_lock.is_copy() && copy::is_complete(session.storage) {
        run_lock.forget_copied();
    }
    let purpose = if ours.is_some() { Purpose::Run } else { Purpose::Repair };
    for record in run_lock.records().iter().filter(|record| Some(&record.code) != ours) {
        Orphan { session, run_lock, record, purpose }.clean_up()?;
    }
    Ok(())
}

/// Leaves the snapshots with one code, because a person named it: that person decides whether
/// anybody still uses them.
///
/// # Errors
///
/// A snapshot could not be left, or somebody is seen to hold `misc/sublock`: the record stays.
pub(crate) fn clean_up_named(
    session: &Session<'_>,
    run_lock: &RunLock,
    code: &Code,
) -> Result<(), Failure> {
    report_damaged(session, run_lock);
    for record in run_lock.records().iter().filter(|record| &record.code == code) {
        Orphan { session, run_lock, record, purpose: Purpose::Named }.clean_up()?;
    }
    Ok(())
}

fn report_damaged(session: &Session<'_>, run_lock: &RunLock) {
    if run_lock.damaged() > 0 {
        session.program.report(Event::Damaged(run_lock.damaged()));
    }
}

/// A record of an earlier run, being looked into.
struct Orphan<'a> {
    session: &'a Session<'a>,
    run_lock: &'a RunLock,
    record: &'a Record,
    purpose: Purpose,
}

/// Why a cleaning up is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A run is about to enter. Snapshots of other storages do not stop it.
    Run,
    /// `--recover`.
    Repair,
    /// `--recover --code`.
    Named,
}

impl Orphan<'_> {
    fn clean_up(&self) -> Result<(), Failure> {
        match self.due()? {
            Due::OpenAgain => self.open_again(),
            Due::Leave => self.leave(),
            Due::LeaveElsewhere => self.leave_elsewhere(),
            Due::Nothing => Ok(()),
            Due::Settle => {
                self.settle();
                Ok(())
            }
        }
    }

    fn due(&self) -> Result<Due, Failure> {
        let file = snapshot_lock::read_snapshot_file(self.session.storage)?;
        let Record { code, evidence, may_close, .. } = self.record;
        let found = Found {
            code,
            evidence: *evidence,
            may_close: *may_close,
            file: &file,
            openness: self.session.openness(),
            restarted: &|| self.server_was_restarted(),
        };
        Ok(found.due())
    }

    /// Says whether the server that was asked is known to have ended, because another one has taken
    /// `misc/lock` since.
    fn server_was_restarted(&self) -> bool {
        self.record.main_lock.is_some_and(|lock| lock.has_changed(self.session.storage))
    }

    fn settle(&self) {
        self.run_lock.settle(&self.record.code, Some(&self.record.line));
    }

    /// Finds the line that entered, if the conf (or this run's `--method`) still has it.
    fn step(&self) -> Option<&Step> {
        recorded_line::step(self.session, self.record)
    }

    /// Leaves a snapshot that this storage's server holds for a run that is gone.
    fn leave(&self) -> Result<(), Failure> {
        self.check_unused()?;
        let Record { code, may_close, line, evidence, .. } = self.record;
        if *evidence == Evidence::Unknown {
            let settled = Instant::now() + self.session.job.timing.pending_enter;
            match pending_enter::wait(self.session, code, *may_close, || settled)? {
                Some(Evidence::Here) => {}
                _ => return Ok(()),
            }
        }
        // Once a leave was sent, no run enters under this code again.
        if *evidence == Evidence::Unknown || self.is_alone() {
            self.run_lock.set_evidence(code, line, Evidence::Here);
        }
        let step = self.step();
        let left = self.leave_by(step, Evidence::Here);
        left.map_err(|failure| match failure {
            Failure::InUse(_) => self.still_used().unwrap_or(failure),
            failure if step.is_none() => self.line_is_gone(failure),
            failure => failure,
        })
    }

    /// Says whether no other record has the code of this one. Then `misc/snapshot` with that code proves that
    /// this enter reached this storage. A run that was killed right after the enter has not noted that.
    fn is_alone(&self) -> bool {
        let records = self.run_lock.records();
        records.iter().filter(|record| record.code == self.record.code).count() == 1
    }

    /// Names the process that keeps the server from leaving the snapshot, if it can be seen. It is not
    /// COMMAND, which has ended.
    fn still_used(&self) -> Option<Failure> {
        let storage = self.session.storage;
        let user = lock_holders::visible_holder(&storage.sublock())?;
        if lock_holders::visible_holder(&storage.lock()).as_ref() == Some(&user) {
            return None;
        }
        let kill = user.kill_command()?;
        let what = format!(
            "COMMAND of an earlier run has ended, but {user} still uses its snapshot user/{}",
            self.record.code
        );
        Some(Failure::in_use(what).hint(format!("if COMMAND left that process behind: {kill}")))
    }

    /// Adds to why a snapshot could not be left that the line that entered it is gone.
    fn line_is_gone(&self, failure: Failure) -> Failure {
        let Failure::Permanent(reason) = failure else { return failure };
        let named = recorded_line::named(self.record);
        let text = format!("{}; it was entered by {named}, and that line is gone", reason.text());
        let others = reason.hints().iter().filter(|hint| **hint != self.session.job.recover);
        let reason = others.fold(Reason::new(text), Reason::hint);
        reason.hint(recorded_line::how_to_give_again(self.session, self.record)).into()
    }

    /// Tries again to leave what the server of another storage holds. If that fails, a run says so
    /// and goes on with its own storage.
    fn leave_elsewhere(&self) -> Result<(), Failure> {
        let left = self.check_unused().and_then(|()| match self.step() {
            Some(step) => self.leave_by(Some(step), Evidence::Elsewhere),
            None => {
                self.settle();
                Err(self.line_is_gone_elsewhere().into())
            }
        });
        self.go_on_after(left)
    }

    /// Lets a run go on that can use its storage although something was not left, and says so.
    fn go_on_after(&self, left: Result<(), Failure>) -> Result<(), Failure> {
        match left {
            Err(failure) if self.purpose == Purpose::Run => {
                self.session.program.report(Event::NotLeft(failure.into_reason()));
                Ok(())
            }
            left => left,
        }
    }

    fn line_is_gone_elsewhere(&self) -> Reason {
        let code = &self.record.code;
        Reason::new(format!(
            "an earlier run entered the snapshot user/{code} of another storage by {}, and that line is gone",
            recorded_line::named(self.record)
        ))
        .hint(leave::cure_elsewhere(code))
    }

    /// Opens a storage again that the enter closed: only where that was, and only by its line.
    fn open_again(&self) -> Result<(), Failure> {
        let storage = self.session.storage;
        let here = self.record.host.is_same_machine(&Host::here())
            && self.record.storage == storage.resolved()
            && self.record.directory == storage.inode();
        if !here {
            return self.pass_over_closed_elsewhere();
        }
        self.check_unused()?;
        // A COMMAND that cannot be seen from here holds the lock.
        drop(SnapshotLock::lock(storage, limits::SUBLOCK_TIMEOUT)?);
        let step = self.step().ok_or_else(|| {
            Failure::permanent(format!(
                "an earlier run closed {} by {}, and that line is gone",
                text::path(storage.root()),
                recorded_line::named(self.record)
            ))
            .hint(recorded_line::how_to_give_again(self.session, self.record))
            .hint("or start the server, and run again")
        })?;
        self.leave_by(Some(step), Evidence::Closed)
    }

    /// Says that an enter closed this storage where it cannot be opened from here. A person who names
    /// the code knows better, and then the record goes.
    fn pass_over_closed_elsewhere(&self) -> Result<(), Failure> {
        if self.purpose == Purpose::Named {
            self.settle();
            return Ok(());
        }
        let Record { code, host, storage, .. } = self.record;
        let here = host.is_same_machine(&Host::here());
        let run = if here { "an earlier run" } else { "a run on another machine" };
        let reason = Reason::new(format!(
            "{run} (on {}, as {}) closed {} using {}; its server is started again only from there",
            text::harmless(&host.host),
            text::path(storage),
            text::path(self.session.storage.root()),
            recorded_line::named(self.record)
        ));
        // The storage owner can write any path into a record, so no command names it.
        let there = "dsnap --storage DIR --recover";
        let forget = format!("{} --code {code}", self.session.job.recover);
        self.go_on_after(Err(reason
            .hint(format!(
                "if the server is still stopped, run there, DIR being that path: {there}"
            ))
            .hint(format!("if this is a copy, or the server runs again: {forget}"))
            .into()))
    }

    fn leave_by(&self, step: Option<&Step>, evidence: Evidence) -> Result<(), Failure> {
        let code = self.record.code.clone();
        EnteredSnapshot::of_earlier_run(self.session, self.run_lock, step, code, evidence).leave()
    }

    /// Checks that COMMAND of the run that entered is gone. Where it cannot be seen but locks reach,
    /// the server knows whether somebody holds `misc/sublock`.
    fn check_unused(&self) -> Result<(), Failure> {
        if self.purpose == Purpose::Named {
            return Ok(());
        }
        let Record { code, command, host, .. } = self.record;
        match (host.life_of(command.as_ref()), command) {
            (Life::Runs, Some(command)) => Err(self.command_lives(command.pid)),
            (Life::Unknown, _) if !self.session.lock.reaches_other_machines() => Err(Failure::permanent(format!(
                "{} is in the snapshot user/{code} of a run on {}, and whether that still runs cannot be seen from here",
                text::path(self.session.storage.root()),
                text::harmless(&host.host)
            ))
            .hint(format!("if that run has ended: {} --code {code}", self.session.job.recover))),
            _ => Ok(()),
        }
    }

    fn command_lives(&self, pid: i32) -> Failure {
        let Record { code, command_name, since, .. } = self.record;
        // If the clock was set back, the age is unknown.
        let age = snapshot_lock::seconds(SystemTime::now()).checked_sub(*since);
        let entered = age.map_or_else(String::new, |age| {
            format!(", entered {} ago", durations::in_words(Duration::from_secs(age)))
        });
        Failure::in_use(format!(
            "COMMAND of an earlier run still uses the snapshot user/{code}: {} (pid {pid}){entered}",
            text::harmless(command_name)
        ))
        .hint(format!("wait for its end with -t 1h, or if it hangs: kill {pid}"))
    }
}
