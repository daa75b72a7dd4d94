//! A run, from the first lock to the last: the order of everything stands here.
//!
//! run lock → clean up → enter → sublock → fresh? → COMMAND → still fresh? → unlock → leave → confirmed
//!
//! Whatever happens after `enter`, the snapshot is left. Between two tries nothing is locked. With
//! several storages, each step is made for all of them before the next one, and they are left in
//! reverse order: COMMAND runs with all of them frozen, or not at all.

pub(crate) mod advice;
mod attempt;
mod clean_up;
pub(crate) mod copy;
mod due;
mod elsewhere;
mod enter;
pub mod environment;
pub mod event;
mod existing;
mod held;
pub mod hold;
pub mod job;
mod leave;
mod locked;
pub mod member;
#[cfg(test)]
mod model;
pub mod nested;
pub mod new_code;
mod pending_enter;
pub(crate) mod recorded_line;
pub mod recover;
mod reporter;
mod roll_forward;
pub mod session;
mod snapshot;
mod tried;
mod unlocked;
mod unwritten;

use std::time::{Duration, Instant};

use dsnap_core::method::Methods;

use crate::failure::{Failure, Retry};
use crate::limits;
use crate::run::event::Event;
use crate::run::held::HeldSnapshots;
use crate::run::hold::HoldLimit;
use crate::run::job::{CommandEnd, Job, NotRun, Outcome, Program};
use crate::run::locked::Locked;
use crate::run::member::{Member, Target};
use crate::run::reporter::Reporter;
use crate::run::session::Session;

/// A run: its storages, in the order in which the user named them.
struct Run<'a> {
    job: &'a Job,
    members: Vec<Member<'a>>,
    program: &'a dyn Program,
}

/// Looks at the storage that is to blame for a failure, with its privileges. Nothing is locked then.
pub type Look<'a> = &'a mut dyn FnMut(&Session<'_>, &Failure);

/// Runs COMMAND in fresh snapshots of all storages, or says why not. If there was no snapshot of one
/// storage, calls `look` for it.
///
/// The privileges of the first storage are in effect already.
pub fn run(
    job: &Job,
    targets: &[Target<'_>],
    methods: &dyn Methods,
    program: &dyn Program,
    look: Look<'_>,
) -> Outcome {
    let reporters = Reporter::of_each(targets.iter().map(|target| target.storage), program);
    let begin = |(target, reporter)| Member::begin(target, methods, reporter);
    match targets.iter().zip(&reporters).map(begin).collect() {
        Ok(members) => run_and_look(&Run { job, members, program }, look),
        Err(why) => Outcome::not_run(why),
    }
}

fn run_and_look(run: &Run<'_>, look: Look<'_>) -> Outcome {
    let outcome = retry(run);
    let blamed = run.members.iter().find(|member| member.is_to_blame());
    if let (Err(NotRun::NoSnapshot { failure, .. }), Some(member)) = (&outcome.command, blamed) {
        member.within(|| look(&member.session, failure));
    }
    outcome
}

/// Tries until COMMAND ran, another try is pointless, or the time of `-t` is up: it limits when a
/// try begins.
fn retry(run: &Run<'_>) -> Outcome {
    let began = Instant::now();
    let mut recombining_since = None;
    loop {
        let outcome = once(run);
        let Err(NotRun::NoSnapshot { failure, .. }) = &outcome.command else { return outcome };
        // Another try would find the storage in use, and its outcome would not say why.
        if !outcome.not_left.is_empty() {
            return outcome;
        }
        let left = run.job.wait.saturating_sub(began.elapsed());
        if !wait(run, &mut recombining_since, failure, left) {
            return outcome;
        }
        if let Some(signal) = run.program.stopped() {
            return Outcome::not_run(NotRun::Stopped(signal));
        }
    }
}

/// Waits before the next try. `left` is how much longer tries may begin, and `recombining_since` when
/// a server was first seen to be recombining. Returns false if there is to be no other try.
fn wait(
    run: &Run<'_>,
    recombining_since: &mut Option<Instant>,
    failure: &Failure,
    left: Duration,
) -> bool {
    let retry = failure.retry();
    if retry != Retry::Soon {
        *recombining_since = None;
    } else if may_recombine(run, recombining_since) {
        run.program.sleep(limits::RECOMBINING_POLL_INTERVAL);
        return true;
    }
    if retry == Retry::Pointless || left == Duration::ZERO {
        return false;
    }
    run.program.pause(run.job.pause.min(left), left, failure.reason());
    true
}

/// Says whether the server still has time to recombine. Reports once that this is waited for.
fn may_recombine(run: &Run<'_>, since: &mut Option<Instant>) -> bool {
    let limit = run.job.timing.recombining;
    if since.is_none()
        && let Some(member) = run.members.iter().max_by_key(|member| member.failed_at())
    {
        member.reporter.report(Event::Recombining(limit));
    }
    since.get_or_insert_with(Instant::now).elapsed() < limit
}

/// Makes one try.
fn once(run: &Run<'_>) -> Outcome {
    run.members.iter().for_each(Member::try_begins);
    let mut locked = Vec::new();
    let outcome = match lock_all(run, &mut locked) {
        Ok(()) => with_all_locked(run, &locked),
        Err(why) => Outcome::not_run(why),
    };
    locked.into_iter().for_each(|it| it.release(&outcome));
    outcome
}

/// Takes the run locks of all storages.
fn lock_all<'a>(run: &'a Run<'a>, locked: &mut Vec<Locked<'a>>) -> Result<(), NotRun> {
    let mut members: Vec<_> = run.members.iter().collect();
    members.sort_by_key(|member| member.lock_order());
    for member in members {
        locked.push(Locked::take(member)?);
    }
    locked.sort_by_key(|it| it.member.enter_order());
    Ok(())
}

/// Goes from the locked storages to the confirmation that what was entered is left.
fn with_all_locked(run: &Run<'_>, locked: &[Locked<'_>]) -> Outcome {
    let mut held = HeldSnapshots::default();
    let command = enter_all(locked, &mut held).and_then(|()| run_command(run, &held));
    held.end(command)
}

/// Leaves what earlier runs left behind, and enters.
fn enter_all<'a>(locked: &'a [Locked<'a>], held: &mut HeldSnapshots<'a>) -> Result<(), NotRun> {
    locked.iter().try_for_each(Locked::clean_up)?;
    // The first is looked at when it is entered. The others come later, when it is frozen already.
    locked.iter().skip(1).try_for_each(Locked::look)?;
    for it in locked {
        held.push(it, it.enter()?);
    }
    held.check_earlier()
}

/// Runs COMMAND, if there is one, unless a signal or `--max-hold` ends the run first.
fn run_command(run: &Run<'_>, held: &HeldSnapshots<'_>) -> Result<Option<CommandEnd>, NotRun> {
    let limit = run.job.max_hold.and_then(|max| held.limit(max));
    if let Some(signal) = run.program.stopped() {
        return Err(NotRun::Stopped(signal));
    }
    if let Some(limit) = limit.filter(HoldLimit::is_over) {
        return Err(limit.over_before_command().into());
    }
    if run.job.command.is_none() {
        return Ok(None);
    }
    let mut began = |process| held.command_began(&process);
    Ok(Some(run.program.run_command(&held.environment(), limit, &mut began)))
}
