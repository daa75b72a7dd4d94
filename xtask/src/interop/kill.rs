//! Kills dsnap at each change that it makes, one run for each. After every kill the original tool
//! must be able to finish, with the same result as if it had worked alone.
//!
//! `strace` kills dsnap at its first, second, third… call that changes a directory or makes it
//! durable, until a run survives. strace counts the calls of each name on their own, so only the longest of
//! these counts is met in full. `cargo xtask crash` kills at every call, and cuts the power, but not on
//! storages of the real code. The task skips this part if strace is not installed or may not trace.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::rehearsal::{Crashed, Tools, check_same, copy};
use xtask_base::process::Program;
use xtask_base::python::remove;

/// The calls at which strace kills. It ignores names with `?` that the kernel does not have.
const CALLS: &str = "?rename,?renameat,?renameat2,?unlink,?unlinkat,?rmdir,?mkdir,?mkdirat,\
    ?fsync,?fdatasync,?syncfs,?ftruncate,?chmod,?fchmod,?fchmodat,?fchown,?fchownat,?utimensat";

/// More changes than recovering any of our storages needs.
const MAX_CHANGES: usize = 1000;

/// How long one traced run may take.
const RUN_TIMEOUT: Duration = Duration::from_secs(60);

/// How long the original tool may take for all copies of a storage; it takes seconds.
const FINISH_TIMEOUT: Duration = Duration::from_secs(120);

/// Whether strace is installed and may trace.
pub(crate) fn is_possible() -> bool {
    strace(1).arg("true").output().is_ok_and(|traced| traced.success())
}

/// Not with `--seccomp-bpf`: strace 6.1 then counts the calls, but does not kill.
fn strace(point: usize) -> Program {
    let inject = format!("inject={CALLS}:signal=KILL:when={point}");
    let strace = Program::within(RUN_TIMEOUT, "strace").args(["-f", "-qq", "-o", "/dev/null"]);
    strace.args(["-e", &format!("trace={CALLS}"), "-e", &inject])
}

/// Kills dsnap at every change, and returns how often; `recovered` is the result of the original
/// tool alone.
pub(crate) fn at_every_change(
    tools: &Tools,
    crashed: &Crashed,
    recovered: &Path,
    folder: &Path,
) -> Result<usize> {
    let killed = kill_each(tools, crashed, folder)?;
    let finish = Program::within(FINISH_TIMEOUT, tools.real.join("python")).arg("-B");
    let finish = finish.arg(tools.scripts.join("finish.py")).args(&killed);
    finish.quiet().context("the original tool cannot finish what a killed dsnap left")?;
    for (storage, point) in killed.iter().zip(1..) {
        check_same(recovered, storage)
            .with_context(|| format!("after dsnap was killed at its change {point}"))?;
        remove(storage)?;
    }
    Ok(killed.len() - 1)
}

/// Kills dsnap at its first change of one copy, at the second change of the next one, and so on, until
/// it survives. Returns the copies.
fn kill_each(tools: &Tools, crashed: &Crashed, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut killed = Vec::new();
    for point in 1..MAX_CHANGES {
        let storage = copy(crashed, &folder.join(format!("killed-{point}")))?;
        let dsnap = strace(point).arg(&tools.dsnap).arg("--storage").arg(&storage).arg("true");
        let survived = dsnap.output()?.success();
        killed.push(storage);
        if survived {
            return Ok(killed);
        }
    }
    bail!("dsnap makes more than {MAX_CHANGES} changes")
}
