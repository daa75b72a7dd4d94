//! A run, from the first lock to the last: the order of everything stands here.
//!
//! own lock → orphan? → enter → sublock → fresh? → COMMAND → fresh still? → unlock → leave → confirmed
//!
//! Whatever happens after `enter`, the snapshot is left. Between two tries nothing is held.

mod attempt;
pub mod clean_up;
mod context;
mod enter;
pub mod event;
pub mod job;
mod leave;
pub mod nested;
pub mod new_code;
mod pending_enter;
pub mod recover;
mod unusable;

use std::time::{Duration, Instant, SystemTime};

use crate::conf::plan::Plan;
use crate::limits;
use crate::record::run_lock::{OwnLock, RunRecord};
use crate::run::attempt::{Attempt, Snapshot};
use crate::run::context::Context;
use crate::run::event::Event;
use crate::run::job::{Job, NotRun, Outcome, Program};
use crate::run::new_code::new_code;
use crate::storage::Storage;
use crate::storage::main_lock::MainLock;
use crate::system::mounts;
use crate::system::privileges::Rights;
use crate::system::process::Place;
use dsnap_core::method::Methods;
use dsnap_core::{Code, Refusal, Waiting};

/// Runs COMMAND in a fresh snapshot of the storage, or says why not.
///
/// The rights are in effect already.
pub fn run(
    job: &Job,
    storage: &Storage,
    rights: &Rights,
    methods: &dyn Methods,
    program: &dyn Program,
) -> Outcome {
    if let Err(refusal) = storage.check_folders() {
        return Outcome::not_run(refusal.into());
    }
    let locks_reach = mounts::locks_reach(&storage.misc());
    let plan = Plan::make(&job.source, storage, methods, rights, locks_reach, program);
    if let Some(signal) = program.stopped() {
        return Outcome::not_run(NotRun::Stopped(signal));
    }
    plan.complaints.iter().for_each(|words| program.report(Event::Complaint(words.clone())));
    let lock = MainLock::of(storage, locks_reach);
    retry(&Context { job, storage, plan: &plan, rights, program, lock: &lock })
}

/// Tries until COMMAND ran, waiting is useless, or time is up: `-t` limits when a try begins.
fn retry(context: &Context<'_>) -> Outcome {
    let began = Instant::now();
    let mut tries = Tries::new();
    loop {
        let outcome = once(context, &mut tries);
        let Err(NotRun::Refused { reason, waiting, .. }) = &outcome.command else { return outcome };
        let (pause, left) = match tries.recombining(context, *waiting) {
            Some(left) => (limits::RECOMBINING_PAUSE, left),
            None => (context.job.pause, context.job.wait.saturating_sub(began.elapsed())),
        };
        if *waiting == Waiting::Useless || left == Duration::ZERO {
            return outcome;
        }
        context.program.pause(pause.min(left), left, reason);
        if let Some(signal) = context.program.stopped() {
            return Outcome::not_run(NotRun::Stopped(signal));
        }
    }
}

/// What one try hands on to the next.
struct Tries {
    /// The same code as the last try's, as long as that one's enter may still come.
    code: Code,
    /// When the first try with this code began.
    began: SystemTime,
    /// When this run left what an earlier one had left behind, if it did.
    left_at: Option<Instant>,
    /// What this run entered at the server of another storage, and could not leave.
    not_left: Option<Refusal>,
}

impl Tries {
    fn new() -> Self {
        let code = new_code(&Place::here().host, std::process::id());
        Self { code, began: SystemTime::now(), left_at: None, not_left: None }
    }

    /// For how much longer tries are made whatever `-t` says, because nobody but the server itself
    /// uses the storage, to end what this run left.
    fn recombining(&self, context: &Context<'_>, waiting: Waiting) -> Option<Duration> {
        let left_at = self.left_at.filter(|_| waiting == Waiting::InUse)?;
        let left = limits::RECOMBINING.checked_sub(left_at.elapsed())?;
        clean_up::is_recombining(context.storage, left_at).then_some(left)
    }
}

/// One try.
fn once(context: &Context<'_>, tries: &mut Tries) -> Outcome {
    let own = match OwnLock::take(context.storage) {
        Ok(own) => own,
        Err(refusal) => return Outcome::not_run(refusal.into()),
    };
    if !own.remembers(&tries.code) {
        let Tries { code, began, .. } = Tries::new();
        (tries.code, tries.began) = (code, began);
    }
    context.lock.begin_anew();
    own.describe(&RunRecord::new(tries.code.clone()));
    let outcome = match repaired(context, &own, tries) {
        Ok(snapshot) => in_snapshot(context, snapshot, &own, tries),
        Err(why) => Outcome::not_run(why),
    };
    own.release();
    outcome
}

/// Leaves what earlier runs left behind, and enters.
fn repaired<'a>(
    context: &Context<'a>,
    own: &'a OwnLock,
    tries: &mut Tries,
) -> Result<Snapshot<'a>, NotRun> {
    match (clean_up::repair(context, own, Some(&tries.code)), context.program.stopped()) {
        (Ok(left), _) => tries.left_at = left.then(Instant::now).or(tries.left_at),
        (Err(reason), None) => return Err(reason.into()),
        (Err(reason), Some(signal)) => {
            context.program.report(Event::NotLeft(reason));
            return Err(NotRun::Stopped(signal));
        }
    }
    Attempt::new(*context, own, tries.code.clone(), tries.began).snapshot(&mut tries.not_left)
}

/// From the guaranteed snapshot to the confirmation that it was left.
fn in_snapshot(
    context: &Context<'_>,
    snapshot: Snapshot<'_>,
    own: &OwnLock,
    tries: &Tries,
) -> Outcome {
    let (program, code) = (context.program, &tries.code);
    program.report(Event::Locked);
    let command = match program.stopped() {
        Some(signal) => Err(NotRun::Stopped(signal)),
        None if context.job.command.is_none() => Ok(None),
        None => {
            let environment = snapshot.environment(context.storage, code);
            let mut began = |process| own.command_began(code, &process);
            Ok(Some(program.run_command(Some(&environment), &mut began)))
        }
    };
    let Snapshot { guard, held, .. } = snapshot;
    let broken = guard.check().err();
    let server_came_up = guard.server_came_up();
    drop(guard);
    program.report(Event::Unlocked);
    context.lock.begin_anew();
    let not_left = held.and_then(|held| held.leave().err()).or(tries.not_left.clone());
    if server_came_up {
        program.report(Event::ServerStuck);
    }
    Outcome { command, broken, not_left }
}
