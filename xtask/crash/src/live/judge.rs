//! What must be true after a run that was disturbed.

use std::fs;

use dsnap_testkit::MomentVerdict;
use dsnap_testkit::left_behind::{Evidence, Record, RunLock};

use super::broken::{Broken, Kept};
use super::scene::{Scene, Started};
use super::tool::Ended;
use super::waiting::try_for_a_moment;

/// The words of a message that names the command that cleans up.
const RECOVER: &str = "--recover";

/// Checks what COMMAND of a run noted: it was alone and protected, and its copy contains everything that was
/// committed before the run, and no part of a transaction. COMMAND must have ended.
pub(crate) fn check_command(scene: &Scene<'_>, run: &Started) -> Kept {
    let notes = run.notes();
    if let Some(wrong) = notes.wrong.first() {
        return Err(Broken::stale(format!("COMMAND of the run {}: {wrong}", run.out.display())));
    }
    if !notes.ended {
        return Ok(());
    }
    let copy = run.out.join("copy");
    let ledger = scene.site.ledger_until_now().or_else(|_| scene.site.ledger())?;
    match ledger.verify_moment(&copy)? {
        MomentVerdict::Whole(count) if count >= run.committed => Ok(fs::remove_dir_all(copy)?),
        MomentVerdict::Whole(count) => Err(Broken::stale(format!(
            "the copy contains {count} transactions, but {} were committed before the run",
            run.committed
        ))),
        torn => Err(Broken::lost(torn.to_string())),
    }
}

/// Checks that a snapshot that remains is in the record or in the messages of the run.
pub(crate) fn check_reported(scene: &Scene<'_>, ended: &Ended) -> Kept {
    let Some(code) = scene.site.remaining_snapshot() else { return Ok(()) };
    if is_recorded(scene)? || ended.stderr.contains(RECOVER) {
        return Ok(());
    }
    Err(Broken::frozen(format!("the storage is in the snapshot {code}, and nothing says so")))
}

/// Says whether `misc/dsnap.lock` has a record of a snapshot that may remain.
pub(crate) fn is_recorded(scene: &Scene<'_>) -> Result<bool, Broken> {
    if !scene.site.storage().run_lock().exists() {
        return Ok(false);
    }
    Ok(!records(scene)?.is_empty())
}

/// Reads the records, as the next run does. A process that a killed run has just forked keeps the lock until it
/// becomes another program.
fn records(scene: &Scene<'_>) -> Result<Vec<Record>, Broken> {
    let lock = try_for_a_moment(|| RunLock::take(scene.site.storage()));
    let lock = lock.map_err(|failure| Broken::undecided(failure.reason().text().to_owned()))?;
    Ok(lock.records())
}

/// Makes the run after a disturbed one.
pub(crate) fn check_next_run(scene: &Scene<'_>) -> Kept {
    check_run_works(scene, "next")
}

/// Makes a run that nothing disturbs. It must work, and leave nothing.
pub(crate) fn check_run_works(scene: &Scene<'_>, name: &str) -> Kept {
    let mut run = scene.start(name, &["-t", "20", "-s", "0.1"])?;
    let ended = run.tool.end_of_all()?;
    if ended.code() != 0 || !run.notes().ended {
        let (code, last) = (ended.code(), ended.last_line());
        return Err(Broken::undecided(format!("the run {name}: status {code}, `{last}`")));
    }
    check_command(scene, &run)?;
    if let Some(code) = scene.site.remaining_snapshot() {
        return Err(Broken::frozen(format!("after the run {name}, the snapshot {code} remains")));
    }
    // An enter that was never answered may still come, as long as that server runs.
    if records(scene)?.iter().any(|record| record.evidence != Evidence::Unknown) {
        return Err(Broken::undecided(format!("after the run {name}, a record remains")));
    }
    Ok(())
}

/// Stops the server. Then `A/` must contain everything that was committed.
pub(crate) fn check_nothing_lost(scene: &Scene<'_>) -> Kept {
    scene.site.stop_server()?;
    let verdict = scene.site.ledger()?.verify(&scene.site.storage().a());
    verdict.difference.map_or(Ok(()), |difference| Err(Broken::lost(difference)))
}
