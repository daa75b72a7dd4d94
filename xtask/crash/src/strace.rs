//! Runs a program under `strace`: lists its system calls, and disturbs one of them.
//!
//! strace counts calls by name, and for each thread on its own: `when=3` of `unlinkat` is the third
//! `unlinkat` of any thread, whatever other calls that thread made. So a point of a run is a name and a
//! number ([`Call::nth`]). Two threads may both come to that point, and then the first one is disturbed.
//! [`Traced::reached`] tells whether the disturbance met the call that it was meant for.
//!
//! A call at which a program is killed is not made. The kernel looks for a KILL once more between the
//! stop for the tracer and the call. To kill a program after a call, kill it at its next one.

mod line;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use xtask_base::process::{Finished, Program};

use crate::point::{Kept, check};
use crate::verdict::Verdict;

pub(crate) use line::{Arg, Call};

/// How long one traced run may take; most take a tenth of a second.
const RUN_TIMEOUT: Duration = Duration::from_secs(60);

/// How much of a written text is listed: all of it.
const MAX_TEXT: &str = "1000000";

/// Whose calls are listed and disturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Those of the first thread. Other threads and started processes are not even slowed down.
    FirstThread,
    /// Those of all threads and all processes that the program starts.
    Everybody,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Disturbance<'a> {
    /// Nothing.
    None,
    /// The whole process is killed before the call.
    Kill(&'a Call),
    /// This call fails with this error, and is not made.
    FailOnce(&'a Call, &'a str),
    /// This call and all later ones of its name fail with this error.
    FailFromThenOn(&'a Call, &'a str),
}

/// How programs are traced.
#[derive(Debug, Clone)]
pub(crate) struct Tracer {
    /// Whose calls.
    pub(crate) whose: Whose,
    /// The file for strace's output.
    pub(crate) file: PathBuf,
    /// If there is one, only calls on this file are listed, disturbed and counted.
    pub(crate) only: Option<PathBuf>,
}

/// A traced run.
#[derive(Debug)]
pub(crate) struct Traced {
    /// How the program ended, and what it wrote.
    pub(crate) finished: Finished,
    /// Its calls, in the order in which they began.
    pub(crate) calls: Vec<Call>,
}

impl Tracer {
    /// Runs the program that `complete` adds to the command line of strace.
    ///
    /// # Errors
    ///
    /// strace cannot be started, did not end in time, or wrote a line that is not understood.
    pub(crate) fn run(
        &self,
        disturbance: Disturbance<'_>,
        complete: impl FnOnce(Program) -> Program,
    ) -> Result<Traced> {
        // Not with `--seccomp-bpf`: strace 6.1 then counts the calls, but does not kill.
        let strace = Program::within(RUN_TIMEOUT, "strace").args(["-qq", "-y", "-s", MAX_TEXT]);
        let strace = strace.arg("-o").arg(&self.file).args(self.follow());
        let only = self.only.iter().flat_map(|file| [OsStr::new("-P"), file.as_os_str()]);
        let strace = strace.args(only);
        let finished = complete(disturb(strace, disturbance)).output()?;
        let trace = fs::read_to_string(&self.file)
            .with_context(|| format!("strace wrote nothing: {}", finished.stderr))?;
        let calls = match self.whose {
            Whose::FirstThread => calls_in(&trace)?,
            Whose::Everybody => line::calls(&trace, self.whose)?,
        };
        Ok(Traced { finished, calls })
    }

    fn follow(&self) -> &[&str] {
        match self.whose {
            Whose::FirstThread => &[],
            Whose::Everybody => &["-f"],
        }
    }
}

/// Adds the options for a disturbance.
fn disturb(strace: Program, disturbance: Disturbance<'_>) -> Program {
    disturbance.option().into_iter().fold(strace, |strace, option| strace.args(["-e", &option]))
}

/// Reads the calls of a program of which only the first thread was traced.
///
/// # Errors
///
/// strace wrote a line that is not understood.
pub(crate) fn calls_in(trace: &str) -> Result<Vec<Call>> {
    line::calls(trace, Whose::FirstThread)
}

impl Disturbance<'_> {
    /// Returns the expression for strace's option `-e`, if there is anything to do.
    pub(crate) fn option(&self) -> Option<String> {
        let option = |call: &Call, what: &str, more: &str| {
            format!("inject={}:{what}:when={}{more}", call.name, call.nth)
        };
        Some(match self {
            Self::None => return None,
            Self::Kill(call) => option(call, "signal=KILL", ""),
            Self::FailOnce(call, error) => option(call, &format!("error={error}"), ""),
            Self::FailFromThenOn(call, error) => option(call, &format!("error={error}"), "+"),
        })
    }

    fn call(&self) -> Option<&Call> {
        match self {
            Self::None => None,
            Self::Kill(call) | Self::FailOnce(call, _) | Self::FailFromThenOn(call, _) => {
                Some(call)
            }
        }
    }
}

impl Traced {
    /// Checks that the disturbance met the call of the listing, and no other one. `root` is the folder
    /// of this run, and `listed_root` that of the listing.
    pub(crate) fn reached(&self, it: Disturbance<'_>, listed_root: &Path, root: &Path) -> Kept {
        let (Some(meant), met) = (it.call(), self.met(it)) else { return Ok(()) };
        let same = met.is_some_and(|met| met.files_below(root) == meant.files_below(listed_root));
        check(same, Verdict::Undecided, || {
            let (met, last) = (met.map(|it| it.describe(root)), self.calls.last());
            let last = last.map(|it| it.describe(root));
            format!("the run went another way: it met {met:?}, and its last call is {last:?}")
        })
    }

    /// Returns the call that was disturbed.
    fn met(&self, it: Disturbance<'_>) -> Option<&Call> {
        let meant = it.call()?;
        let met = self.calls.iter().find(|call| call.name == meant.name && call.nth == meant.nth);
        met.filter(|call| match it {
            Disturbance::Kill(_) => !call.is_finished(),
            _ => call.is_injected(),
        })
    }

    /// Returns the calls that change something, or may.
    pub(crate) fn changes(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(|call| call.is_change())
    }
}

/// How often a run is made until its disturbance meets the call that it is meant for.
const TRIES: usize = 3;

/// Makes a run again if its disturbance does not meet the call that it is meant for. The locks of other
/// processes and the length of a process number change how many calls a run makes. If that does not help, a
/// run in which another call of that name was disturbed counts, too.
pub(crate) fn until_reached(
    it: Disturbance<'_>,
    mut run: impl FnMut() -> Result<(Traced, Kept)>,
) -> Result<(Traced, Kept)> {
    let mut ran = run()?;
    for _ in 1..TRIES {
        if ran.1.is_ok() {
            return Ok(ran);
        }
        ran = run()?;
    }
    if ran.0.met(it).is_some() {
        ran.1 = Ok(());
    }
    Ok(ran)
}

/// Counts the calls of some names in a summary that strace itself makes (`strace -c`).
///
/// # Errors
///
/// strace cannot be started, or did not end in time.
pub(crate) fn summary(
    tracer: &Tracer,
    names: &[&str],
    complete: impl FnOnce(Program) -> Program,
) -> Result<usize> {
    let strace = Program::within(RUN_TIMEOUT, "strace").args(["-c", "-U", "calls,name"]);
    let strace = strace.args(tracer.follow()).arg("-o").arg(&tracer.file);
    complete(strace).output()?;
    let counted = fs::read_to_string(&tracer.file)?;
    let rows = counted.lines().filter_map(|row| row.trim().split_once(char::is_whitespace));
    let wanted = rows.filter(|(_, name)| names.contains(&name.trim()));
    Ok(wanted.filter_map(|(calls, _)| calls.parse::<usize>().ok()).sum())
}

/// Says whether a path is `root` or below it.
fn is_below(path: &Path, root: &Path) -> bool {
    path.starts_with(root) && !root.as_os_str().eq(OsStr::new(""))
}
