//! Simulates power cuts during recoveries. After each, only some of the changes are on disk.
//!
//! strace lists what a recovery asked of the disk. `journal` says which parts of that a power cut can leave, and
//! `disk` makes storages of them. Both tools must recover each storage without a loss.
//!
//! A recovery can also follow another one that was killed before its changes were on disk. Then the power cut
//! can lose changes of both.

mod disk;
mod journal;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, anyhow};
use dsnap_testkit::{Class, Format, State};
use xtask_base::output;

use crate::options::Options;
use crate::parallel::in_parallel;
use crate::point::tally;
use crate::remains::{Remains, with_original};
use crate::scratch::Scratch;
use crate::strace::{Call, Disturbance, until_reached};
use crate::verdict::Tally;
use crate::wreck::{self, PreparedWreck, Wreck, dsnap, tracer};

use disk::OnDisk;
use journal::Journal;

/// With `--quick`, only every N-th state is made.
const QUICK_STEP: usize = 31;

/// Before a second recovery and the power cut, the first recovery is killed at every N-th change.
const KILL_STEP: usize = 9;

/// How many random states are made for each moment.
const RANDOM: u64 = 20;

const WRECKS: [Wreck; 5] = [
    Wreck::of(State::InSnapshot, Format::Bushy, Class::Full),
    Wreck::of(State::Crashed, Format::Chunky, Class::Full),
    Wreck::of(State::Replica, Format::Bushy, Class::Minimal),
    Wreck::of(State::Recombining, Format::Flat, Class::Minimal),
    Wreck::of(State::InSnapshot, Format::Chunky, Class::Full).with_sync(true, false),
];

/// A state to make: of which wreck, after which runs, and what is on disk.
struct Point<'a> {
    ready: &'a PreparedWreck,
    runs: &'a Runs,
    on_disk: OnDisk,
}

/// What one or two recoveries asked of the disk.
struct Runs {
    name: String,
    journal: Journal,
    states: BTreeSet<OnDisk>,
}

/// Makes and recovers the states of some wrecks.
pub(crate) fn run(options: &Options) -> Result<Tally> {
    let scratch = Scratch::new(options, "power")?;
    let wrecks = wreck::prepare(options, &scratch, &WRECKS)?;
    let runs = all_runs(options, &scratch, &wrecks)?;
    let mut points = Vec::new();
    for (ready, runs) in wrecks.iter().zip(&runs) {
        let some = points.len();
        points.extend(points_of(ready, runs));
        let (two, states) = (runs.len() - 1, points.len() - some);
        output::line(format_args!("{}: {states} states, {two} pairs of runs", ready.name));
    }
    let points = options.chosen(points, QUICK_STEP);
    let remains = in_parallel(&points, |thread, point| {
        let storage = wreck::slot(thread, &scratch)?;
        disk::make(&point.ready.template, &point.runs.journal, &point.on_disk, &storage)?;
        let name = format!("power {} {} {}", point.ready.name, point.runs.name, point.on_disk);
        Remains::of(point.ready, name, &storage, Ok(()), options, &scratch)
    })?;
    Ok(tally(with_original(options, &scratch, &remains)?))
}

/// All states of a wreck, each once.
fn points_of<'a>(ready: &'a PreparedWreck, runs: &'a [Runs]) -> impl Iterator<Item = Point<'a>> {
    let states = runs.iter().flat_map(|runs| {
        let described = |it: &OnDisk| (it.describe(&runs.journal), (runs, it.clone()));
        runs.states.iter().map(described).collect::<Vec<_>>()
    });
    // Two pairs of runs lead to many equal states.
    let mut found = BTreeMap::new();
    for (description, state) in states {
        found.entry(description).or_insert(state);
    }
    found.into_values().map(|(runs, on_disk)| Point { ready, runs, on_disk })
}

/// For each wreck, one recovery alone, and pairs of a killed one and a second one.
fn all_runs(
    options: &Options,
    scratch: &Scratch,
    wrecks: &[PreparedWreck],
) -> Result<Vec<Vec<Runs>>> {
    in_parallel(wrecks, |thread, ready| {
        let alone = Runs::of("alone".to_owned(), &[(&ready.listed.calls, &ready.listed_root)]);
        let mut runs = vec![alone];
        let kills: Vec<_> = ready.listed.changes().collect();
        let step = if options.quick { kills.len() / 2 } else { KILL_STEP };
        for (at, call) in kills.iter().enumerate().skip(step).step_by(step) {
            runs.push(killed_and_second(options, scratch, ready, thread, (at, call))?);
        }
        Ok(runs)
    })
}

/// Kills a recovery, and lists a second one.
fn killed_and_second(
    options: &Options,
    scratch: &Scratch,
    ready: &PreparedWreck,
    thread: usize,
    (at, call): (usize, &Call),
) -> Result<Runs> {
    let (storage, kill) = (wreck::slot(thread, scratch)?, Disturbance::Kill(call));
    let (killed, reached) = until_reached(kill, || {
        ready.copy_for(thread, scratch)?;
        let killed = tracer(&storage).run(kill, dsnap(options, &storage))?;
        let reached = killed.reached(kill, &ready.listed_root, &storage);
        Ok((killed, reached))
    })?;
    reached.map_err(|broken| anyhow!("{}: killed at {at}: {}", ready.name, broken.what))?;
    let second = tracer(&storage).run(Disturbance::None, dsnap(options, &storage))?;
    let calls = [(&killed.calls, &storage), (&second.calls, &storage)];
    Ok(Runs::of(format!("killed at {at}"), &calls))
}

impl Runs {
    fn of(name: String, runs: &[(&Vec<Call>, &std::path::PathBuf)]) -> Self {
        let (mut journal, mut states) = (Journal::default(), BTreeSet::new());
        for (calls, root) in runs {
            journal.add(calls, root, &mut |journal| states.extend(OnDisk::all(journal, RANDOM)));
        }
        Self { name, journal, states }
    }
}
