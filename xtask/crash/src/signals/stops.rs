//! Where a run is stopped in the phases in which it does not wait: strace stops it right after a system call.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};

use crate::live::{Broken, Equipment, Method, Scene};

use super::phase::Phase;

/// A system call, and which one of its name it is, counted from 1.
type Call = (&'static str, usize);

/// The calls after which a run with one method is in each phase.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stops {
    own_lock: Call,
    entered: Call,
    locked: Call,
    unlocking: Call,
}

/// The calls that are traced.
const TRACED: &str = "trace=flock,openat";

impl Stops {
    /// Traces a run, and finds its calls.
    pub(super) fn of(equipment: &Equipment, method: Method) -> Result<Self> {
        let scene = Scene::begin(equipment, method.name(), method, 0)?;
        let found = Self::in_run(&scene).map_err(Broken::from);
        scene.end(found).map_err(|broken| anyhow!("{}: {}", method.name(), broken.what))
    }

    fn in_run(scene: &Scene<'_>) -> Result<Self> {
        let trace = scene.folder.join("trace");
        let ended = scene.start_traced(&strace(&trace, &[]), "traced", &[])?.tool.end_of_all()?;
        let stops = Self::in_trace(&fs::read_to_string(&trace)?);
        stops.with_context(|| format!("unexpected calls of the run: {}", ended.stderr))
    }

    fn in_trace(trace: &str) -> Option<Self> {
        let flocks = || numbered(trace, "flock");
        let mut taken = flocks().filter(|(_, line)| line.contains("LOCK_EX") && is_zero(line));
        let ends = |(_, line): &(usize, &str)| line.contains("LOCK_UN");
        let is_sublock = |(_, line): &(usize, &str)| line.contains("\"sublock\", O_RDWR");
        Some(Self {
            own_lock: ("flock", taken.next()?.0),
            entered: ("openat", numbered(trace, "openat").find(is_sublock)?.0),
            locked: ("flock", taken.next()?.0),
            unlocking: ("flock", flocks().find(ends)?.0),
        })
    }

    /// Returns the words that start a run which stops in this phase.
    pub(super) fn tracer(&self, phase: Phase, trace: &Path) -> Vec<OsString> {
        let (name, number) = match phase {
            Phase::OwnLock => self.own_lock,
            Phase::Entered => self.entered,
            Phase::Locked => self.locked,
            _ => self.unlocking,
        };
        strace(trace, &["-e".into(), format!("inject={name}:signal=STOP:when={number}").into()])
    }
}

/// Returns the words that trace a run whose parent is the caller.
fn strace(trace: &Path, more: &[OsString]) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["strace".into(), "-D".into(), "-qq".into()];
    words.extend(["-o".into(), trace.into(), "-e".into(), TRACED.into()]);
    words.extend_from_slice(more);
    words
}

/// Returns the lines of calls with this name, each with its number.
fn numbered<'a>(trace: &'a str, name: &str) -> impl Iterator<Item = (usize, &'a str)> {
    let call = format!("{name}(");
    let lines = trace.lines().filter(move |line| line.starts_with(&call));
    lines.enumerate().map(|(before, line)| (before + 1, line))
}

fn is_zero(line: &str) -> bool {
    line.ends_with("= 0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calls_of_each_phase_are_found() {
        let trace = "openat(9, \"dsnap.lock\", O_RDWR) = 12
flock(12, LOCK_EX|LOCK_NB)        = 0
flock(13, LOCK_EX|LOCK_NB)        = -1 EAGAIN (Resource temporarily unavailable)
openat(9, \"sublock\", O_RDONLY|O_PATH) = 13
openat(9, \"sublock\", O_RDWR|O_CLOEXEC) = 13
flock(13, LOCK_EX|LOCK_NB)        = 0
flock(13, LOCK_UN)                = 0
flock(12, LOCK_UN)                = 0";
        let found = Stops::in_trace(trace).unwrap();
        let expected = Stops {
            own_lock: ("flock", 1),
            entered: ("openat", 3),
            locked: ("flock", 3),
            unlocking: ("flock", 4),
        };
        assert_eq!(found, expected);
        assert_eq!(Stops::in_trace("flock(12, LOCK_EX) = 0"), None);
    }
}
