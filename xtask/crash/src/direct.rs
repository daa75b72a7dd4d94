//! Kills recoveries by `direct` at every change, and lets both tools bring copies of the remains to an end.
//!
//! A recovery makes all its changes in one thread. A point is one of them, or the end of the process, so
//! the storage is left in each state that it ever has. After a kill:
//!
//! - If `misc/snapshot` is there, then `A/` is what it stands for.
//! - The next run brings the storage to the end state of an undisturbed run, with every committed transaction.
//! - The original does the same with a copy.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use xtask_base::output;
use xtask_base::tree::{self, Times};

use crate::options::Options;
use crate::original;
use crate::point::{Broken, Kept, check, check_same, judge, tally};
use crate::scratch::{Scratch, in_parallel};
use crate::strace::{Call, Disturbance, summary};
use crate::verdict::{Tally, Verdict};
use crate::wreck::{self, Ready, Wreck, dsnap, tracer};

/// With `--quick`, one point in so many is done.
const QUICK_STEP: usize = 29;

/// Kills recoveries of all wrecks.
pub(crate) fn run(options: &Options) -> Result<Tally> {
    let scratch = Scratch::new(options, "direct")?;
    let mut verdicts = Vec::new();
    for wreck in &Wreck::ALL {
        let ready = wreck.prepare(options, &scratch)?;
        let changes = count_again(options, &scratch, &ready)?;
        let points = options.chosen(points(&ready), QUICK_STEP);
        verdicts.extend(kill_at_each(options, &scratch, &ready, &points)?);
        output::line(format_args!("{}: {} points of {changes} changes", ready.name, points.len()));
    }
    Ok(tally(verdicts))
}

/// The calls at which a recovery is killed: its changes, and its end.
fn points(ready: &Ready) -> Vec<&Call> {
    let calls = ready.listed.calls.iter();
    calls.filter(|call| call.is_change() || call.name == "exit_group").collect()
}

/// Counts the changes of a recovery with strace's own summary, which must agree with the listing. Returns
/// how many there are.
fn count_again(options: &Options, scratch: &Scratch, ready: &Ready) -> Result<usize> {
    let storage = ready.copy_for(0, scratch)?;
    let opens = |call: &Call| call.name.starts_with("open") || call.name == "fcntl";
    let listed: Vec<_> = ready.listed.changes().filter(|call| !opens(call)).collect();
    let names: Vec<_> = listed.iter().map(|call| call.name.as_str()).collect();
    let counted = summary(&tracer(&storage), &names, dsnap(options, &storage))?;
    ensure!(counted == listed.len(), "{} changes listed, {counted} counted", listed.len());
    Ok(ready.listed.changes().count())
}

/// A killed run, what it left, and a copy of that for the original.
struct Killed {
    point: String,
    verdict: Verdict,
    copy: PathBuf,
}

fn kill_at_each(
    options: &Options,
    scratch: &Scratch,
    ready: &Ready,
    points: &[&Call],
) -> Result<Vec<Verdict>> {
    let numbered: Vec<_> = points.iter().enumerate().collect();
    let killed = in_parallel(&numbered, |thread, (at, call)| {
        let storage = ready.copy_for(thread, scratch)?;
        let copy = scratch.folder("copies")?.join(format!("{at}"));
        let point = format!("direct {} {at} {}", ready.name, call.describe(&ready.listed_root));
        let shown = kill(options, ready, call, &storage, &copy)?;
        Ok(Killed { verdict: judge(shown, &point, &storage, scratch)?, point, copy })
    })?;
    let verdicts = with_original(options, scratch, ready, &killed)?;
    xtask_base::python::remove(&scratch.path("copies"))?;
    Ok(verdicts)
}

/// Kills one recovery, copies what it left, and makes the next run.
fn kill(
    options: &Options,
    ready: &Ready,
    call: &Call,
    storage: &Path,
    copy: &Path,
) -> Result<Kept> {
    let disturbance = Disturbance::Kill(call);
    let killed = tracer(storage).run(disturbance, dsnap(options, storage))?;
    tree::copy(storage, copy)?;
    if !killed.was_reached(disturbance, &ready.listed_root, storage) {
        return Ok(Err(Broken::of(Verdict::Undecided, "the run went another way")));
    }
    if let Err(broken) = snapshot_is_true(ready, storage)? {
        return Ok(Err(broken));
    }
    next_run(options, ready, storage)
}

/// Checks that `A/` is what `misc/snapshot` says: as it was, or with everything.
pub(crate) fn snapshot_is_true(ready: &Ready, storage: &Path) -> Result<Kept> {
    let Ok(content) = fs::read(storage.join("misc/snapshot")) else { return Ok(Ok(())) };
    let before = fs::read(ready.template.join("misc/snapshot")).ok();
    let like = |other: &Path| tree::difference(other, storage, "A", Times::Compared);
    let as_before = before.as_ref() == Some(&content) && like(&ready.template)?.is_none();
    let is_true = as_before || content == b"shutdown" && like(&ready.expected)?.is_none();
    Ok(check(is_true, Verdict::Stale, || {
        format!(
            "misc/snapshot contains {:?}, but A/ is another",
            content.escape_ascii().to_string()
        )
    }))
}

/// Makes the next run, which must end as if nothing had happened.
pub(crate) fn next_run(options: &Options, ready: &Ready, storage: &Path) -> Result<Kept> {
    if let Err(error) = wreck::run(options, storage) {
        return Ok(Err(Broken::of(Verdict::Frozen, format!("the next run failed: {error:#}"))));
    }
    Ok(check_same(ready.difference(storage)?))
}

/// Lets the original recover the copies.
fn with_original(
    options: &Options,
    scratch: &Scratch,
    ready: &Ready,
    killed: &[Killed],
) -> Result<Vec<Verdict>> {
    let Some(bin) = &options.original else {
        return Ok(killed.iter().map(|it| it.verdict).collect());
    };
    let copies: Vec<_> = killed.iter().map(|it| it.copy.clone()).collect();
    let errors = original::recover(bin, &copies)?;
    let judged = killed.iter().zip(errors).map(|(killed, error)| {
        let shown = match error {
            Some(error) => Err(Broken::of(Verdict::Lost, format!("the original: {error}"))),
            None => check_same(ready.difference(&killed.copy)?),
        };
        let point = format!("{}, then the original", killed.point);
        let verdict = judge(shown, &point, &killed.copy, scratch)?;
        Ok(if killed.verdict == Verdict::Kept { verdict } else { killed.verdict })
    });
    judged.collect()
}
