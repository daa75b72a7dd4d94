//! Kills recoveries by `direct` at each change. Then dsnap and the original tool each recover what is left.
//!
//! A recovery of so few transactions makes all its changes in one thread; a check makes sure of that. A point is
//! one change, or the end of the process. So the storage is left in every state that it passes through. After a
//! kill:
//!
//! - If `misc/snapshot` exists, `A/` is in the state that the file names.
//! - The next run brings the storage to the end state of an undisturbed run, with every committed transaction.
//! - The original does the same with a copy.

use anyhow::{Result, ensure};
use xtask_base::output;

use crate::options::Options;
use crate::parallel::in_parallel;
use crate::point::tally;
use crate::remains::{Remains, with_original};
use crate::scratch::Scratch;
use crate::strace::{Call, Disturbance, Tracer, Whose, summary, until_reached};
use crate::verdict::Tally;
use crate::wreck::{self, PreparedWreck, Wreck, dsnap, tracer};

/// With `--quick`, only every N-th wreck is made, and every N-th point is done.
const QUICK_WRECKS: usize = 2;
const QUICK_STEP: usize = 23;

/// Kills recoveries of all wrecks.
pub(crate) fn run(options: &Options) -> Result<Tally> {
    let scratch = Scratch::new(options, "direct")?;
    let wrecks = options.chosen(Wreck::ALL.to_vec(), QUICK_WRECKS);
    let wrecks = wreck::prepare(options, &scratch, &wrecks)?;
    let counts = in_parallel(&wrecks, |thread, it| count_again(options, &scratch, it, thread))?;
    let all = wrecks.iter().flat_map(|ready| {
        let points = points(ready).into_iter().enumerate();
        points.map(|(at, call)| Point { ready, at, call }).collect::<Vec<_>>()
    });
    let points = options.chosen(all.collect(), QUICK_STEP);
    for (ready, changes) in wrecks.iter().zip(counts) {
        let killed = points.iter().filter(|it| it.ready.name == ready.name).count();
        output::line(format_args!("{}: {changes} changes, killed at {killed} points", ready.name));
    }
    let killed = in_parallel(&points, |thread, it| it.kill(options, &scratch, thread))?;
    Ok(tally(with_original(options, &scratch, &killed)?))
}

/// A call of the listed recovery. Another recovery of the same wreck is killed there.
#[derive(Debug)]
struct Point<'a> {
    ready: &'a PreparedWreck,
    at: usize,
    call: &'a Call,
}

/// The calls at which a recovery is killed: its changes, and its end.
fn points(ready: &PreparedWreck) -> Vec<&Call> {
    let calls = ready.listed.calls.iter();
    calls.filter(|call| call.is_change() || call.name == "exit_group").collect()
}

/// Counts the changes of a recovery with strace's own summary, which must agree with the listing. Returns
/// how many there are.
fn count_again(
    options: &Options,
    scratch: &Scratch,
    ready: &PreparedWreck,
    thread: usize,
) -> Result<usize> {
    let storage = ready.copy_for(thread, scratch)?;
    let opens = |call: &Call| call.name.starts_with("open") || call.name == "fcntl";
    let listed: Vec<_> = ready.listed.changes().filter(|call| !opens(call)).collect();
    let names: Vec<_> = listed.iter().map(|call| call.name.as_str()).collect();
    let counted = summary(&tracer(&storage), &names, dsnap(options, &storage))?;
    ensure!(counted == listed.len(), "{} changes listed, {counted} counted", listed.len());
    first_thread_changes_all(options, scratch, ready, thread)?;
    Ok(ready.listed.changes().count())
}

/// Checks that no other thread and no started process changes anything in the storage.
fn first_thread_changes_all(
    options: &Options,
    scratch: &Scratch,
    ready: &PreparedWreck,
    thread: usize,
) -> Result<()> {
    let storage = ready.copy_for(thread, scratch)?;
    let everybody = Tracer { whose: Whose::Everybody, ..tracer(&storage) };
    let ran = everybody.run(Disturbance::None, dsnap(options, &storage))?;
    let mut others = ran.changes().filter(|call| call.thread != 0);
    let found = others.find(|call| !call.files_below(&storage).is_empty());
    ensure!(found.is_none(), "another thread changes the storage: {found:?}");
    Ok(())
}

impl<'a> Point<'a> {
    /// Kills one recovery, and makes the next run.
    fn kill(&self, options: &Options, scratch: &Scratch, thread: usize) -> Result<Remains<'a>> {
        let Self { ready, at, call } = *self;
        let (storage, disturbance) = (wreck::slot(thread, scratch)?, Disturbance::Kill(call));
        let (_, reached) = until_reached(disturbance, || {
            ready.copy_for(thread, scratch)?;
            let killed = tracer(&storage).run(disturbance, dsnap(options, &storage))?;
            let reached = killed.reached(disturbance, &ready.listed_root, &storage);
            Ok((killed, reached))
        })?;
        let point = format!("direct {} {at} {}", ready.name, call.describe(&ready.listed_root));
        Remains::of(ready, point, &storage, reached, options, scratch)
    }
}
