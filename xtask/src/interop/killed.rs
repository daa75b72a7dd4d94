//! dsnap killed at every change it makes, one after the other; the original must then be able
//! to finish what was begun, and come to the same end.
//!
//! `strace` does the killing: at the first, second, … call of those that change a directory or
//! make it durable, until a run gets through. It shows what a killed process leaves, not what
//! a power cut leaves. Where strace is absent or may not trace, this part is left out.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::install::remove;
use super::rehearsal::{Tools, Wreck, copy, same, snapshot};
use crate::process::Program;

/// The calls that count; those that this machine's kernel does not have are passed over.
const CALLS: &str = "?rename,?renameat,?renameat2,?unlink,?unlinkat,?rmdir,?mkdir,?mkdirat,\
    ?fsync,?fdatasync,?syncfs,?ftruncate,?chmod,?fchmod,?fchmodat,?fchown,?fchownat,?utimensat";

/// More changes than any of our storages needs.
const MOST: usize = 1000;

const LIMIT: Duration = Duration::from_secs(60);

/// Whether this machine lets us trace.
pub(crate) fn possible() -> bool {
    strace(1).arg("true").output().is_ok_and(|traced| traced.success())
}

fn strace(point: usize) -> Program {
    let inject = format!("inject={CALLS}:signal=KILL:when={point}");
    let strace = Program::within(LIMIT, "strace").args(["-f", "-qq", "-o", "/dev/null"]);
    strace.args(["-e", &format!("trace={CALLS}"), "-e", &inject])
}

/// Kills at every change; `repaired` is what the original alone made of this wreck. How often.
pub(crate) fn everywhere(
    tools: &Tools,
    wreck: &Wreck,
    repaired: &Path,
    folder: &Path,
) -> Result<usize> {
    for point in 1..MOST {
        let storage = copy(wreck, &folder.join("killed"))?;
        let dsnap = strace(point).arg(&tools.dsnap).arg("--storage").arg(&storage).arg("true");
        let survived = dsnap.output()?.success();
        finish(tools, repaired, &storage)
            .with_context(|| format!("dsnap killed at its change {point}"))?;
        remove(&storage)?;
        if survived {
            return Ok(point - 1);
        }
    }
    bail!("dsnap makes more than {MOST} changes")
}

fn finish(tools: &Tools, repaired: &Path, storage: &Path) -> Result<()> {
    snapshot(&tools.original(), storage).context("the original cannot go on from there")?;
    same(repaired, storage)
}
