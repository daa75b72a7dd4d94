//! Sends each signal in each phase of a run. The promises of the specification must hold, and the next run must
//! work.
//!
//! - `caught`: how a run is caught in a phase
//! - `phase`: the phases
//! - `signal`: the signals
//! - `expected`: what must be true after a signal
//! - `stops`: where a run is stopped in a phase in which it does not wait
//! - `table`: the results

mod caught;
mod expected;
mod phase;
mod signal;
mod stops;
mod table;

use std::fmt;

use anyhow::Result;
use xtask_base::output;

use crate::live::{Broken, Equipment, Kept, Method, Scene, check_next_run, check_nothing_lost};
use crate::options::Options;
use crate::parallel;
use crate::point::Counter;
use crate::verdict::Tally;

use caught::catch;
use expected::Mark;
use phase::Phase;
use signal::Signal;
use stops::Stops;
use table::Table;

/// The name of the part.
const PART: &str = "signals";
/// How often each site commits in a second.
const COMMITS: u32 = 50;
/// How many points are done at a time on each processor. They mostly wait for processes.
const PER_PROCESSOR: usize = 3;

/// One signal in one phase of a run with one method.
#[derive(Debug, Clone)]
struct Point {
    method: Method,
    phase: Phase,
    signal: Signal,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.method.name(), self.phase.name(), self.signal.name)
    }
}

/// Sends every signal in every phase with every method, and prints the table.
pub(crate) fn run(options: &Options) -> Result<Tally> {
    let equipment = Equipment::prepare(options, PART)?;
    let stops = Method::ALL.map(|method| Stops::of(&equipment, method));
    let stops = stops.into_iter().collect::<Result<Vec<_>>>()?;
    let (points, table) = (points(options.quick), Table::default());
    let counter = Counter::of(PART);
    parallel::for_all(PER_PROCESSOR, &points, |number, point| {
        let kept = check(&equipment, &stops[point.method as usize], number, point, &table);
        counter.count(point, kept);
    });
    output::line(&table);
    Ok(counter.tally())
}

/// Lists all points. With `quick`, each phase of each method gets one signal, in turn: one that ends a run in
/// order, then one that kills it.
fn points(quick: bool) -> Vec<Point> {
    let phases = |method| Phase::ALL.map(|phase| (method, phase));
    let cells = Method::ALL.into_iter().flat_map(phases);
    let signals = |number| if quick { vec![quick_signal(number)] } else { Signal::all() };
    let of_cell = |(number, (method, phase))| {
        signals(number).into_iter().map(move |signal| Point { method, phase, signal })
    };
    cells.enumerate().flat_map(of_cell).collect()
}

/// Chooses the signal for one cell of the table.
fn quick_signal(number: usize) -> Signal {
    let row = number / Phase::ALL.len();
    let is_orderly = (number + row).is_multiple_of(2);
    let signals: Vec<_> =
        Signal::all().into_iter().filter(|it| it.is_orderly == is_orderly).collect();
    signals[number / 2 % signals.len()].clone()
}

fn check(
    equipment: &Equipment,
    stops: &Stops,
    number: usize,
    point: &Point,
    table: &Table,
) -> Kept {
    let scene = Scene::begin(equipment, &number.to_string(), point.method, COMMITS)?;
    let checked = disturb(&scene, stops, point);
    let checked = scene.end(checked);
    table.note(point, checked.as_ref().copied().unwrap_or(Mark::Broken));
    checked.map(drop)
}

fn disturb(scene: &Scene<'_>, stops: &Stops, point: &Point) -> Result<Mark, Broken> {
    let mut caught = catch(scene, point.phase, stops)?;
    let ended = caught.send(&point.signal)?;
    let mark = expected::check(scene, &mut caught.run, &ended, point)?;
    check_next_run(scene)?;
    check_nothing_lost(scene)?;
    Ok(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_form_has_each_phase_with_each_method_and_each_signal_that_ends_a_run() {
        let (quick, full) = (points(true), points(false));
        let signals = Signal::all().len();
        assert_eq!(full.len(), Method::ALL.len() * Phase::ALL.len() * signals);
        assert_eq!(quick.len(), Method::ALL.len() * Phase::ALL.len());
        for signal in Signal::all() {
            assert!(quick.iter().any(|it| it.signal.name == signal.name), "{}", signal.name);
        }
    }
}
