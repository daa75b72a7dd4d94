//! A thousand runs in turn on sites that commit. Then a thousand more: in each of them, dsnap, COMMAND or the
//! server is killed at a random moment.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;
use nix::libc::SIGKILL;
use xtask_base::output;

use crate::chaos::{self, Victim};
use crate::live::{
    Broken, Equipment, Kept, Method, Scene, check_command, check_next_run, check_nothing_lost,
    check_reported, check_run_works,
};
use crate::options::Options;
use crate::parallel;
use crate::point::Counter;
use crate::verdict::Tally;

/// The name of the part.
const PART: &str = "soak";
/// How often each site commits in a second.
const COMMITS: u32 = 20;
/// How many runs a site has. Its storage grows, and then each copy of it takes longer.
const RUNS_OF_SITE: usize = 50;
/// How many sites there are without kills, and how many with them.
const SITES: usize = 20;
/// The numbers with `--quick`.
const QUICK: (usize, usize) = (5, 4);
/// How many sites there are at a time on each processor.
const PER_PROCESSOR: usize = 2;
/// How long after the start of a run something is killed, in milliseconds.
const MOMENT: std::ops::Range<u64> = 0..150;

/// A site with many runs.
#[derive(Debug)]
struct SoakSite {
    method: Method,
    killer: Option<Rng>,
}

/// Makes all runs.
pub(crate) fn run(options: &Options) -> Result<Tally> {
    let equipment = Equipment::prepare(options, PART)?;
    let (counter, mut rng) = (Counter::of(PART), chaos::seeded(options));
    let (runs, sites) = if options.quick { QUICK } else { (RUNS_OF_SITE, SITES) };
    let lots = |with_kills| (0..sites).map(move |number| (number, with_kills));
    let lots = lots(false).chain(lots(true)).map(|(number, with_kills)| {
        let method = Method::ALL[number % Method::ALL.len()];
        SoakSite { method, killer: with_kills.then(|| rng.fork()) }
    });
    let lots: Vec<_> = lots.collect();
    parallel::for_all(PER_PROCESSOR, &lots, |number, lot| {
        in_turn(&equipment, &number.to_string(), lot, runs, &counter);
    });
    output::line(format_args!("{PART}: {} sites, {runs} runs on each", lots.len()));
    Ok(counter.tally())
}

/// Makes the runs on one site. Each is a point, and so is the end.
fn in_turn(equipment: &Equipment, name: &str, lot: &SoakSite, runs: usize, counter: &Counter) {
    let kept = Scene::begin(equipment, name, lot.method, COMMITS).map_err(Broken::from);
    let kept = kept.and_then(|scene| {
        let mut rng = lot.killer.clone();
        for number in 0..runs {
            let kept = scene.judge_run(one(&scene, number, rng.as_mut()));
            counter.count(format_args!("site {name} run {number}"), kept);
        }
        let checked = check_next_run(&scene).and_then(|()| check_nothing_lost(&scene));
        scene.end(checked)
    });
    counter.count(format_args!("site {name} at the end"), kept);
}

fn one(scene: &Scene<'_>, number: usize, rng: Option<&mut Rng>) -> Kept {
    let name = format!("run-{number}");
    match rng {
        None => check_run_works(scene, &name),
        Some(rng) => with_a_kill(scene, &name, rng),
    }
}

/// Makes a run, and kills dsnap, COMMAND or the server at a random moment.
fn with_a_kill(scene: &Scene<'_>, name: &str, rng: &mut Rng) -> Kept {
    let mut run = scene.start(name, &["-t", "20", "-s", "0.1"])?;
    thread::sleep(Duration::from_millis(rng.u64(MOMENT)));
    match Victim::any(rng) {
        Victim::Tool => run.tool.signal(SIGKILL)?,
        Victim::Command => chaos::kill_command(scene)?,
        Victim::Server => chaos::crash_server(scene)?,
    }
    chaos::check_survivor(&mut run)?;
    chaos::heal_server(scene)?;
    check_command(scene, &run)?;
    let ended = run.tool.end()?;
    check_reported(scene, &ended)
}
