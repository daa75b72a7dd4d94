//! Lets each call of a recovery fail, with each of [`ERRORS`], once or from then on.
//!
//! Calls that change nothing fail, too. After such a run:
//!
//! - It ended with a promised exit status and without a panic. If COMMAND was not run, a message says why.
//! - If COMMAND was run, it saw every committed transaction.
//! - If `misc/snapshot` exists, `A/` is in the state that the file names.
//! - The next run brings the storage to the end state of an undisturbed run.

use std::path::{Path, PathBuf};

use anyhow::Result;
use dsnap_testkit::{Class, Format, State};
use xtask_base::output;
use xtask_base::process::Finished;
use xtask_base::python::remove;
use xtask_base::tree::{self, Times};

use crate::failing::{ERRORS, NOT_RUN, RUN, can_fail};
use crate::options::Options;
use crate::parallel::in_parallel;
use crate::point::{Broken, Kept, check, judge, tally};
use crate::remains::{next_run, snapshot_is_true};
use crate::scratch::Scratch;
use crate::strace::{Arg, Call, Disturbance, Traced, until_reached};
use crate::verdict::{Tally, Verdict};
use crate::wreck::{self, PreparedWreck, Wreck, tracer};

/// With `--quick`, only every N-th point is done.
const QUICK_STEP: usize = 131;

/// All points of the first wreck are done, and every N-th point of each other wreck.
const STEP_OF_OTHERS: usize = 7;

/// How the program waits for signals, and what a handler writes to. Neither is made to fail.
const WAITS: [&str; 2] = ["poll", "ppoll"];
const WAKER: &str = "anon_inode:[eventfd]";

const WRECKS: [Wreck; 4] = [
    Wreck::of(State::InSnapshot, Format::Bushy, Class::Full),
    Wreck::of(State::Replica, Format::Chunky, Class::Full),
    Wreck::of(State::Crashed, Format::Bushy, Class::Minimal).interrupted(),
    Wreck::of(State::Clean, Format::Bushy, Class::Full),
];

/// Does the points of all wrecks.
pub(crate) fn run(options: &Options) -> Result<Tally> {
    let scratch = Scratch::new(options, "errors")?;
    let wrecks = wreck::prepare(options, &scratch, &WRECKS)?;
    let mut points = Vec::new();
    for (at, ready) in wrecks.iter().enumerate() {
        let step = if at == 0 { 1 } else { STEP_OF_OTHERS };
        let (all, some) = (points_of(ready), points.len());
        let calls = all.len() / (ERRORS.len() + 1);
        points.extend(all.into_iter().step_by(step));
        let count = points.len() - some;
        output::line(format_args!("{}: {calls} calls that can fail, {count} points", ready.name));
    }
    let points = options.chosen(points, QUICK_STEP);
    Ok(tally(in_parallel(&points, |thread, point| point.fail(options, &scratch, thread))?))
}

/// A call that fails.
#[derive(Debug)]
struct Point<'a> {
    ready: &'a PreparedWreck,
    call: &'a Call,
    error: &'static str,
    once: bool,
}

/// All calls after the start of the program: with each error once, and from then on with the errors in turn.
fn points_of(ready: &PreparedWreck) -> Vec<Point<'_>> {
    let calls = after_loading(&ready.listed).filter(|call| is_point(call));
    let with_errors = calls.zip(ERRORS.iter().cycle()).flat_map(|(call, lasting)| {
        let once = ERRORS.map(|error| Point { ready, call, error, once: true });
        once.into_iter().chain([Point { ready, call, error: lasting, once: false }])
    });
    with_errors.collect()
}

/// Says whether a call is made to fail. Not `F_GETFD`: a debug build checks each descriptor with it before
/// it closes it.
fn is_point(call: &Call) -> bool {
    let is_look = call.others().any(|other| other == "F_GETFD");
    let is_waker = |arg: &Arg| matches!(arg, Arg::Descriptor(path) if path == Path::new(WAKER));
    let about_signals = WAITS.contains(&&*call.name) || call.args.iter().any(is_waker);
    !is_look && !about_signals && can_fail(call)
}

/// The calls after those of the system's loader: the runtime of Rust begins with a `poll`.
fn after_loading(listed: &Traced) -> impl Iterator<Item = &Call> {
    listed.calls.iter().skip_while(|call| call.name != "poll")
}

impl Point<'_> {
    fn describe(&self) -> String {
        let Self { ready, call, error, once } = self;
        let lasting = if *once { "once" } else { "from then on" };
        let call = call.describe(&ready.listed_root);
        format!("errors {} {call} {error} {lasting}", ready.name)
    }

    fn disturbance(&self) -> Disturbance<'_> {
        match self.once {
            true => Disturbance::FailOnce(self.call, self.error),
            false => Disturbance::FailFromThenOn(self.call, self.error),
        }
    }

    fn fail(&self, options: &Options, scratch: &Scratch, thread: usize) -> Result<Verdict> {
        let storage = wreck::slot(thread, scratch)?;
        let ran = until_reached(self.disturbance(), || {
            self.ready.copy_for(thread, scratch)?;
            remove(&copy_of_command(&storage))?;
            let ran = self.run(options, &storage)?;
            let reached = ran.reached(self.disturbance(), &self.ready.listed_root, &storage);
            Ok((ran, reached))
        });
        let shown = match ran {
            Ok((ran, Ok(()))) => self.shown_by(&ran.finished, options, &storage)?,
            Ok((_, not_reached)) => not_reached,
            Err(error) => Err(Broken::of(Verdict::Undecided, format!("{error:#}"))),
        };
        judge(shown, &self.describe(), &storage, scratch)
    }

    /// Makes the run. COMMAND copies `A/`.
    fn run(&self, options: &Options, storage: &Path) -> Result<Traced> {
        tracer(storage).run(self.disturbance(), |strace| {
            let dsnap = strace.arg(&options.dsnap).arg("--storage").arg(storage);
            let copying = dsnap.args(["/bin/cp", "-a"]).arg(storage.join("A"));
            copying.arg(copy_of_command(storage)).env("RUST_BACKTRACE", "0")
        })
    }

    fn shown_by(&self, ran: &Finished, options: &Options, storage: &Path) -> Result<Kept> {
        let copy = copy_of_command(storage);
        let checks = [
            self.ended_as_promised(ran, &copy),
            self.command_saw_everything(&copy)?,
            snapshot_is_true(self.ready, storage)?,
        ];
        let kept: Kept = checks.into_iter().collect();
        if kept.is_err() { Ok(kept) } else { next_run(options, self.ready, storage) }
    }

    /// Checks the exit status and the messages.
    fn ended_as_promised(&self, ran: &Finished, copy: &Path) -> Kept {
        let allowed: &[i32] = if copy.exists() { &RUN } else { &NOT_RUN };
        let as_promised = ran.code().is_some_and(|code| allowed.contains(&code));
        let says_why = copy.exists() || ran.stderr.contains("COMMAND was not run: ");
        let is_silenced = self.call.name == "pwritev2";
        let panicked = ran.stderr.contains("panicked");
        let holds = as_promised && (says_why || is_silenced) && !panicked;
        check(holds, Verdict::Frozen, || {
            let said: Vec<_> = ran.stderr.trim_end().lines().rev().take(3).collect();
            format!("exit status {:?}; the last lines, backwards: {}", ran.code(), said.join(" | "))
        })
    }

    fn command_saw_everything(&self, copy: &Path) -> Result<Kept> {
        if !copy.exists() {
            return Ok(Ok(()));
        }
        let (expected, found) = (self.ready.expected.join("A"), copy);
        let difference = tree::difference(&expected, found, "", Times::Compared)?;
        Ok(difference.map_or(Ok(()), |what| Err(Broken::of(Verdict::Stale, what))))
    }
}

/// Where COMMAND copies `A/`.
fn copy_of_command(storage: &Path) -> PathBuf {
    storage.with_file_name("copy")
}
