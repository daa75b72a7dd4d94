//! A run, from the first lock to the last: the order of everything stands here.
//!
//! run lock → clean up → enter → sublock → fresh? → COMMAND → still fresh? → unlock → leave → confirmed
//!
//! Whatever happens after `enter`, the snapshot is left. Between two tries nothing is locked.

pub(crate) mod advice;
mod attempt;
mod clean_up;
pub(crate) mod copy;
mod enter;
pub mod environment;
pub mod event;
mod existing;
pub mod hold;
pub mod job;
mod leave;
pub mod nested;
pub mod new_code;
mod pending_enter;
pub(crate) mod recorded_line;
pub mod recover;
mod roll_forward;
pub mod session;
mod snapshot;
mod tried;
mod unwritten;

use std::time::{Duration, Instant, SystemTime};

use dsnap_core::method::Methods;
use dsnap_core::{Code, Reason};

use crate::failure::{Failure, Retry};
use crate::limits;
use crate::record::LastRun;
use crate::record::run_lock::RunLock;
use crate::record::run_record::RunRecord;
use crate::run::attempt::Attempt;
use crate::run::environment::Environment;
use crate::run::event::Event;
use crate::run::hold::{FirstEnter, HoldLimit};
use crate::run::job::{CommandEnd, Job, NotRun, Outcome, Program};
use crate::run::new_code::new_code;
use crate::run::session::Session;
use crate::run::snapshot::Snapshot;
use crate::storage::{Storage, snapshot_lock};
use crate::system::privileges::Privileges;
use crate::system::process::Host;

/// Runs COMMAND in a fresh snapshot of the storage, or says why not.
///
/// `privileges` are in effect already.
pub fn run(
    job: &Job,
    storage: &Storage,
    privileges: &Privileges,
    methods: &dyn Methods,
    program: &dyn Program,
) -> Outcome {
    match Session::begin(job, storage, privileges, methods, program) {
        Ok(session) => run_in(&session),
        Err(why) => Outcome::not_run(why),
    }
}

/// Runs COMMAND as [`run`] does, in a session that has begun. Afterwards nothing is locked, and the
/// session serves to find out more about a run that failed.
pub fn run_in(session: &Session<'_>) -> Outcome {
    retry(session)
}

/// Tries until COMMAND ran, another try is pointless, or the time of `-t` is up: it limits when a
/// try begins.
fn retry(session: &Session<'_>) -> Outcome {
    let began = Instant::now();
    let mut tries = Tries::new();
    loop {
        let outcome = once(session, &mut tries);
        let Err(NotRun::NoSnapshot { failure, .. }) = &outcome.command else { return outcome };
        // Another try would find the storage in use, and its outcome would not say why.
        if outcome.not_left.is_some() {
            return outcome;
        }
        if !wait(session, &mut tries, failure, session.job.wait.saturating_sub(began.elapsed())) {
            return outcome;
        }
        if let Some(signal) = session.program.stopped() {
            return Outcome::not_run(NotRun::Stopped(signal));
        }
    }
}

/// Waits before the next try. `left` is how much longer tries may begin. Returns false if there is
/// to be no other one.
fn wait(session: &Session<'_>, tries: &mut Tries, failure: &Failure, left: Duration) -> bool {
    let retry = failure.retry();
    if retry != Retry::Soon {
        tries.recombining_since = None;
    } else if tries.may_recombine(session) {
        session.program.sleep(limits::RECOMBINING_POLL_INTERVAL);
        return true;
    }
    if retry == Retry::Pointless || left == Duration::ZERO {
        return false;
    }
    session.program.pause(session.job.pause.min(left), left, failure.reason());
    true
}

/// What one try hands on to the next.
struct Tries {
    /// The code of the last try, for as long as its enter may still come.
    code: Code,
    /// When the first try with this code began.
    began: SystemTime,
    /// The label of the line that entered the snapshot of this try.
    entered_by: Option<String>,
    /// When the first enter with this code began.
    first_enter: FirstEnter,
    /// When the server was first seen to be recombining.
    recombining_since: Option<Instant>,
    /// What this run entered at the server of another storage and could not leave.
    not_left: Option<Reason>,
}

impl Tries {
    fn new() -> Self {
        let code = new_code(&Host::here().host, std::process::id());
        Self {
            code,
            began: SystemTime::now(),
            entered_by: None,
            first_enter: FirstEnter::default(),
            recombining_since: None,
            not_left: None,
        }
    }

    /// Says whether the server still has time to recombine. Reports once that this is waited for.
    fn may_recombine(&mut self, session: &Session<'_>) -> bool {
        if self.recombining_since.is_none() {
            session.program.report(Event::Recombining(session.job.timing.recombining));
        }
        let since = self.recombining_since.get_or_insert_with(Instant::now);
        since.elapsed() < session.job.timing.recombining
    }
}

/// Makes one try.
fn once(session: &Session<'_>, tries: &mut Tries) -> Outcome {
    let run_lock = match RunLock::take(session.storage) {
        Ok(run_lock) => run_lock,
        Err(failure) => return Outcome::not_run(failure.into()),
    };
    if !run_lock.remembers(&tries.code) {
        let Tries { code, began, first_enter, .. } = Tries::new();
        (tries.code, tries.began, tries.first_enter) = (code, began, first_enter);
    }
    session.lock.begin_anew();
    run_lock.describe(&RunRecord::new(tries.code.clone()));
    let outcome = match clean_up_and_enter(session, &run_lock, tries) {
        Ok(snapshot) => in_snapshot(session, snapshot, &run_lock, tries),
        Err(why) => Outcome::not_run(why),
    };
    run_lock.release(Some(LastRun {
        ended: snapshot_lock::seconds(SystemTime::now()),
        status: outcome.status(),
        entered_by: tries.entered_by.take().unwrap_or_default(),
    }));
    outcome
}

/// Leaves what earlier runs left behind, and enters.
fn clean_up_and_enter<'a>(
    session: &'a Session<'a>,
    run_lock: &'a RunLock,
    tries: &mut Tries,
) -> Result<Snapshot<'a>, NotRun> {
    match (clean_up::clean_up(session, run_lock, Some(&tries.code)), session.program.stopped()) {
        (Ok(()), _) => {}
        (Err(failure), None) => return Err(failure.into()),
        (Err(failure), Some(signal)) => {
            session.program.report(Event::NotLeft(failure.into_reason()));
            return Err(NotRun::Stopped(signal));
        }
    }
    let (code, first_enter) = (tries.code.clone(), tries.first_enter.clone());
    let attempt = Attempt::new(session, run_lock, code, tries.began, first_enter);
    attempt.snapshot(&mut tries.not_left)
}

/// Goes from the locked snapshot to the confirmation that it was left.
fn in_snapshot(
    session: &Session<'_>,
    snapshot: Snapshot<'_>,
    run_lock: &RunLock,
    tries: &mut Tries,
) -> Outcome {
    tries.entered_by.clone_from(&snapshot.entered_by);
    let program = session.program;
    let Environment { code, tid, .. } = snapshot.environment(session.storage, &tries.code);
    program.report(Event::Locked(code, tid));
    let command = run_command(session, &snapshot, run_lock, tries);
    let Snapshot { lock, entered, .. } = snapshot;
    let broken = lock.check().err();
    let server_came_up = lock.server_came_up();
    let restarted = lock.main_lock_was_taken();
    drop(lock);
    program.report(Event::Unlocked);
    session.lock.begin_anew();
    let not_left = entered.and_then(|entered| entered.leave_after_command(restarted).err());
    let not_left = not_left.map(Failure::into_reason).or(tries.not_left.clone());
    if server_came_up {
        program.report(Event::ServerStuck);
    }
    Outcome { command, broken, not_left }
}

/// Runs COMMAND, if there is one, unless a signal or `--max-hold` ends the run first.
fn run_command(
    session: &Session<'_>,
    snapshot: &Snapshot<'_>,
    run_lock: &RunLock,
    tries: &Tries,
) -> Result<Option<CommandEnd>, NotRun> {
    let limit = session.job.max_hold.map(|max| tries.first_enter.limit(max));
    if let Some(signal) = session.program.stopped() {
        return Err(NotRun::Stopped(signal));
    }
    if let Some(limit) = limit.filter(HoldLimit::is_over) {
        return Err(limit.over_before_command().into());
    }
    if session.job.command.is_none() {
        return Ok(None);
    }
    let code = &tries.code;
    let environment = snapshot.environment(session.storage, code);
    let mut began = |process| run_lock.command_began(code, &process);
    Ok(Some(session.program.run_command(Some(&environment), limit, &mut began)))
}
