//! Random kills: of runs, of their COMMANDs, and of the server.

use std::fs;

use anyhow::Result;
use dsnap_testkit::left_behind::{ProcessId, RunRecord};
use fastrand::Rng;
use nix::libc::SIGKILL;
use xtask_base::output;

use crate::live::{Broken, Kept, Scene, Started, kill, try_for_a_moment};
use crate::options::Options;

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    /// A run of dsnap.
    Tool,
    /// COMMAND of the run that holds the lock.
    Command,
    /// The server, which is started again.
    Server,
}

/// The exit statuses of a run during which anything may be killed: those of the specification, and 137 if
/// COMMAND or dsnap itself was killed.
const ALLOWED: [i32; 5] = [0, 75, 122, 125, 137];

/// Seeds the random numbers, and prints the option that repeats them.
pub(crate) fn seeded(options: &Options) -> Rng {
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    output::line(format_args!("--seed {seed}"));
    Rng::with_seed(seed)
}

impl Victim {
    /// Chooses one.
    pub(crate) fn any(rng: &mut Rng) -> Self {
        match rng.u8(..10) {
            0..5 => Self::Tool,
            5..8 => Self::Command,
            _ => Self::Server,
        }
    }
}

/// Kills COMMAND of the run that holds the lock, if there is one.
pub(crate) fn kill_command(scene: &Scene<'_>) -> Result<()> {
    let Some(run) = RunRecord::read(scene.site.storage())? else { return Ok(()) };
    let lives = |command: &ProcessId| ProcessId::of(command.pid).as_ref() == Some(command);
    let command = run.command.filter(lives);
    command.map_or(Ok(()), |command| kill(SIGKILL, command.pid.cast_unsigned()))
}

/// Ends the server at once, and starts it again. A run may be trying the lock of the storage at that moment; then
/// the server is started once more, as an administrator would.
pub(crate) fn crash_server(scene: &Scene<'_>) -> Result<()> {
    // COMMANDs look for this file.
    fs::write(scene.folder.join("server-was-killed"), "")?;
    scene.site.crash_server();
    Ok(try_for_a_moment(|| scene.site.start_server())?)
}

/// Restarts a server that was started while COMMAND held the sublock: such a server cannot leave its snapshot.
/// COMMAND must have ended.
pub(crate) fn heal_server(scene: &Scene<'_>) -> Result<()> {
    let waits = |code: Option<String>| code.is_some_and(|code| code == "startup");
    match scene.server().map(|server| server.code()) {
        Ok(Ok(code)) if !waits(code.clone()) => Ok(()),
        _ => crash_server(scene),
    }
}

/// Checks how a run ended during which anything may have been killed.
pub(crate) fn check_survivor(run: &mut Started) -> Kept {
    let ended = run.tool.end_of_all()?;
    let (code, notes, last) = (ended.code(), run.notes(), ended.last_line());
    if !ALLOWED.contains(&code) || code == 0 && !notes.ended {
        return Err(Broken::undecided(format!("status {code}, `{last}`")));
    }
    if code == 125 && !last.contains("COMMAND was not run: ") {
        return Err(Broken::undecided(format!("no reason, but `{last}`")));
    }
    Ok(())
}
