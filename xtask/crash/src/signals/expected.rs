//! What must be true after a signal.

use std::os::unix::process::ExitStatusExt;

use crate::live::{
    Broken, Ended, Kept, Scene, Started, check_command, check_reported, is_recorded,
};

use super::Point;
use super::phase::Phase;
use super::signal::Signal;

/// What a signal did, as the table shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// COMMAND was not run, the status is 128 and the number, and nothing is left.
    NotRun,
    /// COMMAND got the signal and died of it, the status says so, and nothing is left.
    PassedOn,
    /// The run came to its end with COMMAND's status, and nothing is left.
    Completed,
    /// The program died, and left nothing.
    Killed,
    /// The program died, its snapshot is recorded, and the next run leaves it.
    Recorded,
    /// The same, and until then COMMAND went on, protected.
    Protected,
    /// A promise was broken.
    Broken,
}

impl Mark {
    /// All marks but the last, each with its letter and its meaning.
    pub(super) const ALL: [(Self, char, &'static str); 7] = [
        (Self::NotRun, 'n', "COMMAND was not run; the status is 128+N; nothing is left"),
        (Self::PassedOn, 'c', "COMMAND got the signal and died of it: 128+N; nothing is left"),
        (Self::Completed, '0', "the run came to its end with status 0; nothing is left"),
        (Self::Killed, 'k', "dsnap died; nothing is left"),
        (Self::Recorded, 'r', "dsnap died; its snapshot is recorded, and the next run left it"),
        (
            Self::Protected,
            'p',
            "as r, and COMMAND went on in its snapshot; another run meanwhile exited with 75",
        ),
        (Self::Broken, '!', "a promise was broken"),
    ];

    /// Its letter.
    pub(super) fn letter(self) -> char {
        Self::ALL.iter().find(|(mark, ..)| *mark == self).map_or('?', |(_, letter, _)| *letter)
    }
}

/// Checks what is promised for a signal of its kind.
pub(super) fn check(
    scene: &Scene<'_>,
    run: &mut Started,
    ended: &Ended,
    point: &Point,
) -> Result<Mark, Broken> {
    let died = ended.status.signal() == Some(point.signal.number);
    // If the run was almost over, the second of these signals comes too late.
    if died || !point.signal.is_orderly && !point.signal.is_taken_once() {
        if !died {
            return Err(unexpected("it should have died", ended));
        }
        return check_killed(scene, run, ended, point.phase);
    }
    let mark = check_orderly(run, ended, point.phase, &point.signal)?;
    run.tool.end_of_all()?;
    check_command(scene, run)?;
    check_nothing_left(scene)?;
    Ok(mark)
}

fn unexpected(what: &str, ended: &Ended) -> Broken {
    let (code, last) = (ended.code(), ended.last_line());
    Broken::undecided(format!("{what}, but: status {code}, `{last}`"))
}

/// Checks the status and the messages of a run that ended in order.
fn check_orderly(
    run: &Started,
    ended: &Ended,
    phase: Phase,
    signal: &Signal,
) -> Result<Mark, Broken> {
    let (notes, number) = (run.notes(), 128 + signal.number);
    let stopped = "COMMAND was not run: dsnap was stopped by signal ";
    let is_right = |mark| match mark {
        Mark::NotRun => {
            ended.code() == number && ended.last_line().starts_with(stopped) && !notes.began
        }
        Mark::PassedOn => ended.code() == number && notes.began && !notes.ended,
        _ => ended.code() == 0 && notes.ended,
    };
    let mark = match phase {
        Phase::Running => Mark::PassedOn,
        Phase::Unlocking | Phase::Leaving => Mark::Completed,
        _ => Mark::NotRun,
    };
    if is_right(mark) || signal.is_taken_once() && is_right(Mark::Completed) {
        return Ok(mark);
    }
    Err(unexpected("the run should have ended in order", ended))
}

fn check_nothing_left(scene: &Scene<'_>) -> Kept {
    if let Some(code) = scene.site.remaining_snapshot() {
        return Err(Broken::frozen(format!("the snapshot {code} was not left")));
    }
    if is_recorded(scene)? {
        return Err(Broken::undecided("a record remains, although the run ended in order"));
    }
    Ok(())
}

/// Checks what a killed run left behind.
fn check_killed(
    scene: &Scene<'_>,
    run: &mut Started,
    ended: &Ended,
    phase: Phase,
) -> Result<Mark, Broken> {
    if phase == Phase::Running {
        check_in_use(scene)?;
        run.let_command_go_on()?;
    }
    run.tool.end_of_all()?;
    check_command(scene, run)?;
    check_reported(scene, ended)?;
    match (phase, is_recorded(scene)?) {
        (Phase::Running, true) if run.notes().ended => Ok(Mark::Protected),
        (Phase::Running, _) => Err(Broken::undecided("COMMAND did not come to its end")),
        (_, true) => Ok(Mark::Recorded),
        (_, false) => Ok(Mark::Killed),
    }
}

/// Checks that another run does not use the snapshot while COMMAND of a killed run goes on.
fn check_in_use(scene: &Scene<'_>) -> Kept {
    let mut other = scene.start("meanwhile", &[])?;
    let ended = other.tool.end_of_all()?;
    if ended.code() == 75 && !other.notes().began {
        return Ok(());
    }
    Err(unexpected("a run beside COMMAND of a killed run should exit with 75", &ended))
}
