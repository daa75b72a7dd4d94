//! Disturbs `misc/dsnap.lock`, the record of a run, in runs over HTTP on a live site.
//!
//! - **Errors.** Each call that changes the file fails, once or from then on. COMMAND must see every transaction,
//!   or must not run. No snapshot may remain.
//! - **Power cuts.** dsnap is killed at each of these calls. The file then contains a torn text, or an older one
//!   that was synced. The server still runs (on another machine), is down, or was started again. The next run must
//!   work. After a torn text, it may instead name the snapshot and the command that ends it, `--recover --code`,
//!   which must work.

mod scene;
mod versions;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use xtask_base::output;

use crate::options::Options;
use crate::parallel::in_parallel;
use crate::point::{Broken, Kept, check, judge, tally};
use crate::scratch::Scratch;
use crate::strace::{Call, Disturbance};
use crate::verdict::{Tally, Verdict};

use scene::Scene;
use versions::{FILE, Versions, concerns};

/// With `--quick`, only every N-th point is done.
const QUICK_STEP: usize = 13;

const ERRORS: [&str; 4] = ["ENOSPC", "EIO", "EACCES", "EDQUOT"];

/// What a power cut does to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    LivesOn,
    IsDown,
    WasStartedAgain,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy)]
enum CallFault {
    Fails { error: &'static str, once: bool },
    IsCut { version: usize, server: Server },
}

/// The most versions of the file that one power cut can leave.
const VERSIONS: usize = 4;

struct Point<'a> {
    call: &'a Call,
    fault: CallFault,
}

/// Disturbs the record of runs.
pub(crate) fn run(options: &Options) -> Result<Tally> {
    let scratch = Scratch::new(options, "record")?;
    let scene = Scene::begin(options, &scratch, "listed")?;
    let listed = scene.run(Disturbance::None)?;
    ensure!(listed.finished.success(), "an undisturbed run: {}", listed.finished.failure());
    let root = scene.site.path();
    let calls: Vec<_> = listed.calls.iter().filter(|call| concerns(call, root)).collect();
    let points = options.chosen(calls.iter().flat_map(|call| points(call)).collect(), QUICK_STEP);
    output::line(format_args!("{} calls that change the record", calls.len()));
    let numbered: Vec<_> = points.iter().enumerate().collect();
    let verdicts = in_parallel(&numbered, |_, (at, point)| {
        let scene = Scene::begin(options, &scratch, &format!("{at}"))?;
        let name = format!("record {at} {} {:?}", point.call.describe(root), point.fault);
        let shown = point.disturb(&scene, root)?;
        let judged = shown.map(|shown| judge(shown, &name, scene.site.path(), &scratch));
        scene.end()?;
        judged.transpose()
    })?;
    scene.end()?;
    Ok(tally(verdicts.into_iter().flatten()))
}

fn points<'a>(call: &'a Call) -> Vec<Point<'a>> {
    let errors = ERRORS.into_iter().flat_map(|error| {
        [true, false].map(|once| Point { call, fault: CallFault::Fails { error, once } })
    });
    let cuts = (0..VERSIONS).flat_map(|version| {
        [Server::LivesOn, Server::IsDown, Server::WasStartedAgain]
            .map(|server| Point { call, fault: CallFault::IsCut { version, server } })
    });
    errors.chain(cuts).collect()
}

impl Point<'_> {
    /// Makes the run and what follows it. Returns `None` if the file cannot be like that at this call.
    fn disturb(&self, scene: &Scene<'_>, listed_root: &Path) -> Result<Option<Kept>> {
        match self.fault {
            CallFault::Fails { error, once } => {
                let disturbance = match once {
                    true => Disturbance::FailOnce(self.call, error),
                    false => Disturbance::FailFromThenOn(self.call, error),
                };
                fails(scene, disturbance, listed_root).map(Some)
            }
            CallFault::IsCut { version, server } => self.cut(scene, listed_root, version, server),
        }
    }

    fn cut(
        &self,
        scene: &Scene<'_>,
        listed_root: &Path,
        version: usize,
        server: Server,
    ) -> Result<Option<Kept>> {
        let (disturbance, root) = (Disturbance::Kill(self.call), scene.site.path());
        let killed = scene.run(disturbance)?;
        if let Err(broken) = killed.reached(disturbance, listed_root, root) {
            return Ok(Some(Err(broken)));
        }
        let versions = Versions::of(&killed.calls, root);
        let Some((word, content)) = versions.get(version) else { return Ok(None) };
        scene.commit()?;
        // In place: a power cut does not give the file another inode, and a record knows its own.
        fs::write(root.join(FILE), content)?;
        match server {
            Server::LivesOn => {}
            Server::IsDown => scene.crash()?,
            Server::WasStartedAgain => {
                scene.crash()?;
                scene.site.start_server().context("the server does not start again")?;
            }
        }
        // The text on disk names the current snapshot, unless half of a later text replaced it.
        scene.next_run(server == Server::LivesOn && *word == "torn").map(Some)
    }
}

/// Makes a run with failing calls, and the next one.
fn fails(scene: &Scene<'_>, disturbance: Disturbance<'_>, listed_root: &Path) -> Result<Kept> {
    let ran = scene.run(disturbance)?;
    let reached = ran.reached(disturbance, listed_root, scene.site.path());
    if reached.is_err() {
        return Ok(reached);
    }
    let command_ran = scene.copy().exists();
    let expected: &[i32] = if command_ran { &[0, 122] } else { &[75, 125] };
    let as_promised = ran.finished.code().is_some_and(|code| expected.contains(&code));
    let says_why = command_ran || ran.finished.stderr.contains("COMMAND was not run: ");
    let said = check(as_promised && says_why, Verdict::Frozen, || {
        format!("exit status {:?}: {}", ran.finished.code(), ran.finished.stderr)
    });
    let saw = match command_ran && !scene.site.ledger()?.verify(&scene.copy()).holds() {
        true => Err(Broken::of(Verdict::Stale, "COMMAND did not see every transaction")),
        false => Ok(()),
    };
    let left = check(scene.site.remaining_snapshot().is_none(), Verdict::Frozen, || {
        format!("the storage was not left: {}", ran.finished.stderr)
    });
    let shown: Kept = [said, saw, left].into_iter().collect();
    if shown.is_err() { Ok(shown) } else { scene.next_run(false) }
}
