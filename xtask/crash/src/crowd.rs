//! Many runs at once on one storage whose server commits all the time. Each COMMAND must be alone, and its copy
//! whole. Then the same with random kills of runs, COMMANDs and the server.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;
use nix::libc::SIGKILL;
use xtask_base::output;

use crate::chaos::{self, Victim};
use crate::live::{
    Broken, Equipment, Kept, Method, Scene, Started, check_command, check_next_run,
    check_nothing_lost,
};
use crate::options::Options;
use crate::point::Counter;
use crate::verdict::Tally;

/// The name of the part.
const PART: &str = "crowd";
/// How often the site commits in a second.
const COMMITS: u32 = 200;
/// How many runs there are at once.
const RUNS: usize = 50;
/// The same with `--quick`.
const QUICK_RUNS: usize = 8;
/// The options of each run.
const LONG_WAIT: &[&str] = &["-q", "-t", "10m", "-s", "0.5"];
/// Between two kills, in milliseconds.
const BETWEEN_KILLS: std::ops::Range<u64> = 20..400;

/// Starts many runs on one storage, with each method, first without kills and then with them.
pub(crate) fn run(options: &Options) -> Result<Tally> {
    let equipment = Equipment::prepare(options, PART)?;
    let (counter, mut rng) = (Counter::of(PART), chaos::seeded(options));
    for method in Method::ALL {
        for with_kills in [false, true] {
            // With `--quick`, each method has one of them.
            if options.quick && with_kills != (method as usize).is_multiple_of(2) {
                continue;
            }
            let killer = with_kills.then(|| rng.fork());
            let runs = if options.quick { QUICK_RUNS } else { RUNS };
            crowd(&equipment, method, runs, killer, &counter);
        }
    }
    Ok(counter.tally())
}

/// Makes the runs of one site. Each run is a point, and so is the end.
fn crowd(
    equipment: &Equipment,
    method: Method,
    runs: usize,
    killer: Option<Rng>,
    counter: &Counter,
) {
    let name = format!("{} {}", method.name(), if killer.is_some() { "with kills" } else { "" });
    let kept = Scene::begin(equipment, name.trim(), method, COMMITS).map_err(Broken::from);
    let kept = kept.and_then(|scene| {
        let checked = gather(&scene, runs, killer, |number, kept| {
            counter.count(format_args!("{name} run {number}"), kept);
        });
        scene.end(checked)
    });
    counter.count(format_args!("{name} at the end"), kept);
}

/// Starts all runs, kills at random if there is a killer, and judges each run.
fn gather(
    scene: &Scene<'_>,
    runs: usize,
    killer: Option<Rng>,
    mut judged: impl FnMut(usize, Kept),
) -> Kept {
    let started = (0..runs).map(|number| scene.start(&format!("run-{number}"), LONG_WAIT));
    let mut started = started.collect::<Result<Vec<_>>>()?;
    let all_must_work = killer.is_none();
    if let Some(rng) = killer {
        kill_around(scene, &mut started, rng)?;
    }
    for (number, run) in started.iter_mut().enumerate() {
        judged(number, scene.judge_run(judge(scene, run, all_must_work)));
    }
    let ended = started.iter().filter(|run| run.notes().ended).count();
    let name = scene.folder.file_name().unwrap_or_default().display();
    output::line(format_args!("{name}: COMMAND of {ended} of {runs} runs came to its end"));
    check_next_run(scene)?;
    check_nothing_lost(scene)
}

fn judge(scene: &Scene<'_>, run: &mut Started, must_work: bool) -> Kept {
    chaos::check_survivor(run)?;
    check_command(scene, run)?;
    let ended = run.tool.end()?;
    if must_work && ended.code() != 0 {
        let (code, last) = (ended.code(), ended.last_line());
        return Err(Broken::undecided(format!("status {code}, `{last}`")));
    }
    Ok(())
}

/// Kills at random moments until all runs have ended.
fn kill_around(scene: &Scene<'_>, started: &mut [Started], mut rng: Rng) -> Result<()> {
    while have_not_ended(started)? {
        thread::sleep(Duration::from_millis(rng.u64(BETWEEN_KILLS)));
        match Victim::any(&mut rng) {
            Victim::Tool => started[rng.usize(..started.len())].tool.signal(SIGKILL)?,
            Victim::Command => chaos::kill_command(scene)?,
            Victim::Server => chaos::crash_server(scene)?,
        }
    }
    started.iter_mut().try_for_each(|run| run.tool.end_of_all().map(drop))?;
    chaos::heal_server(scene)
}

fn have_not_ended(started: &mut [Started]) -> Result<bool> {
    for run in started {
        if !run.tool.has_ended()? {
            return Ok(true);
        }
    }
    Ok(false)
}
