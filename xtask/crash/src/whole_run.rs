//! Whole runs on a live site that commits: dsnap is killed at each of its system calls that change something, and
//! each of its system calls fails, once or from then on.
//!
//! After each of these runs:
//!
//! - COMMAND, if it was started, was alone and protected, and its copy contains everything that was committed
//!   before the run, and no part of a transaction. It may have gone on after dsnap was killed.
//! - A run that was not killed ended with a promised exit status, and said why if COMMAND was not run.
//! - A snapshot that remains is recorded, or a message names the command that leaves it.
//! - The next run works, and leaves nothing behind; the storage has lost nothing.

mod point;

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use xtask_base::output;

use crate::failing::{NOT_RUN, RUN};
use crate::live::{
    Broken, Ended, Equipment, Kept, Method, Scene, Started, check_command, check_next_run,
    check_nothing_lost, check_reported,
};
use crate::options::Options;
use crate::parallel;
use crate::point::Counter;
use crate::strace::{self, Call, Disturbance};
use crate::verdict::Tally;

use point::{Point, points};

/// How often each site commits in a second.
const COMMITS: u32 = 10;
/// How many points are done at a time on each processor. Some of them wait for a minute until dsnap gives up
/// leaving.
const PER_PROCESSOR: usize = 4;
/// How many kills and how many errors `--quick` does for each method.
const QUICK: usize = 8;

/// For one run that is not disturbed, so many must be.
const MAX_MISSED: usize = 10;

/// Runs over HTTP.
pub(crate) fn http(options: &Options) -> Result<Tally> {
    run(options, "http", Method::Http)
}

/// Runs that ask a ZEO server.
pub(crate) fn zeo(options: &Options) -> Result<Tally> {
    run(options, "zeo", Method::Zeo)
}

/// Runs with a script.
pub(crate) fn exec(options: &Options) -> Result<Tally> {
    run(options, "exec", Method::Exec)
}

fn run(options: &Options, part: &'static str, method: Method) -> Result<Tally> {
    let equipment = Equipment::prepare(options, part)?;
    let listed = list(&equipment, method)?;
    let all = points(&listed);
    let some = if options.quick { quick(&all) } else { all.iter().collect() };
    let (counter, met, missed) = (Counter::of(part), AtomicUsize::new(0), AtomicUsize::new(0));
    parallel::for_all(PER_PROCESSOR, &some, |number, point| {
        let kept = check(&equipment, method, number, point).map(|was_met| {
            let count = if was_met { &met } else { &missed };
            count.fetch_add(1, Ordering::Relaxed);
        });
        counter.count(point, kept);
    });
    let kills = some.iter().filter(|point| point.is_kill()).count();
    output::line(format_args!(
        "{part}: {} calls, {kills} kills, {} failed calls; {} runs did not come to their point",
        listed.len(),
        some.len() - kills,
        missed.load(Ordering::Relaxed)
    ));
    let (met, missed) = (met.into_inner(), missed.into_inner());
    counter.count("as a whole", check_met(met, missed));
    Ok(counter.tally())
}

/// Checks that most runs were disturbed. A few go another way, because other processes change the calls.
fn check_met(met: usize, missed: usize) -> Kept {
    if missed * MAX_MISSED <= met {
        return Ok(());
    }
    Err(Broken::undecided(format!("{missed} runs were not disturbed, and {met} were")))
}

/// Chooses some kills, and some errors after which dsnap does not try to leave for a minute.
fn quick<'a>(all: &'a [Point<'a>]) -> Vec<&'a Point<'a>> {
    let (kills, errors): (Vec<_>, Vec<_>) =
        all.iter().filter(|point| !point.lasts()).partition(|point| point.is_kill());
    let some = |points: Vec<&'a Point<'a>>| {
        let step = points.len().div_ceil(QUICK);
        points.into_iter().step_by(step.max(1))
    };
    some(kills).chain(some(errors)).collect()
}

/// Lists the calls of a run that nothing disturbs.
fn list(equipment: &Equipment, method: Method) -> Result<Vec<Call>> {
    let scene = Scene::begin(equipment, "listed", method, COMMITS)?;
    let listed = traced(&scene, Disturbance::None).and_then(|(_, ended, calls)| {
        // Otherwise another program than dsnap was traced.
        let is_right = ended.code() == 0 && calls.iter().any(|call| call.name == "flock");
        is_right.then_some(calls).with_context(|| format!("a run failed: {}", ended.stderr))
    });
    let listed = scene.end(listed.map_err(Broken::from));
    listed.map_err(|broken| anyhow::anyhow!(broken.what))
}

/// Makes a run under strace, and returns its calls.
fn traced(scene: &Scene<'_>, it: Disturbance<'_>) -> Result<(Started, Ended, Vec<Call>)> {
    let trace = scene.folder.join("trace");
    let mut strace = ["strace", "-D", "-qq", "-o"].map(Into::into).to_vec();
    strace.push(trace.clone().into());
    strace.extend(it.option().into_iter().flat_map(|option| ["-e".into(), option.into()]));
    let mut run = scene.start_traced(&strace, "traced", &[])?;
    let ended = run.tool.end_of_all()?;
    let calls = strace::calls_in(&fs::read_to_string(&trace)?)?;
    Ok((run, ended, calls))
}

/// Does a point. Returns whether the run came to the call.
fn check(
    equipment: &Equipment,
    method: Method,
    number: usize,
    point: &Point<'_>,
) -> Result<bool, Broken> {
    let scene = Scene::begin(equipment, &number.to_string(), method, COMMITS)?;
    let checked = disturb(&scene, point);
    scene.end(checked)
}

fn disturb(scene: &Scene<'_>, point: &Point<'_>) -> Result<bool, Broken> {
    let (run, ended, calls) = traced(scene, point.disturbance())?;
    let was_met = point.was_met(&calls);
    check_command(scene, &run)?;
    if !(was_met && point.is_kill()) {
        check_ending(&run, &ended, point.silences())?;
    }
    check_reported(scene, &ended)?;
    check_next_run(scene)?;
    check_nothing_lost(scene)?;
    Ok(was_met)
}

/// Checks the exit status and the last message of a run that was not killed.
fn check_ending(run: &Started, ended: &Ended, is_silenced: bool) -> Kept {
    let (notes, code) = (run.notes(), ended.code());
    if notes.ended && RUN.contains(&code) {
        return Ok(());
    }
    let says_why = ended.last_line().contains("COMMAND was not run: ") || is_silenced;
    if !notes.began && NOT_RUN.contains(&code) && says_why {
        return Ok(());
    }
    let (began, last) = (notes.began, ended.last_line());
    Err(Broken::undecided(format!("COMMAND began: {began}, status {code}, `{last}`")))
}
