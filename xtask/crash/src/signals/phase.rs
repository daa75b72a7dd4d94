//! The phases of a run, and how a run is caught in each. Nothing here depends on time: each phase lasts until it
//! is released.

use std::fs;

use anyhow::{Result, ensure};
use dsnap_engine::system::flock::FileLock;
use dsnap_testkit::locks::Holder;
use dsnap_testkit::site::Step;
use nix::libc::SIGCONT;

use crate::live::{Ended, Gate, Hold, Scene, Started, until};

use super::sent::Sent;
use super::stops::Stops;

/// A phase of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Another run holds the lock, and this one waits for it.
    Waiting,
    /// It holds its own lock, and has asked nobody.
    OwnLock,
    /// Its connection is accepted, and its first question not answered.
    Asking,
    /// The enter has arrived, and the server has not answered.
    Entering,
    /// The storage is in its snapshot, but it has not locked the sublock.
    Entered,
    /// The sublock is locked, and COMMAND not started.
    Locked,
    /// COMMAND runs.
    Running,
    /// COMMAND has ended, and the sublock is unlocked.
    Unlocking,
    /// The leave is sent, and not answered.
    Leaving,
    /// It waits for a server that recombines.
    Recombining,
}

/// The words in a request to leave, by any method.
const LEAVE: &[&str] = &["leaveSnapshot", "leave_snapshot", "leave "];
/// The options of a run that waits for another one.
const PATIENT: &[&str] = &["-t", "10m", "-s", "10m"];

impl Phase {
    /// All of them, in the order of a run.
    pub(super) const ALL: [Self; 10] = [
        Self::Waiting,
        Self::Recombining,
        Self::OwnLock,
        Self::Asking,
        Self::Entering,
        Self::Entered,
        Self::Locked,
        Self::Running,
        Self::Unlocking,
        Self::Leaving,
    ];

    /// How the table names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting for another run",
            Self::OwnLock => "own lock taken",
            Self::Asking => "asking the server",
            Self::Entering => "entering, no answer yet",
            Self::Entered => "entered, not locked",
            Self::Locked => "locked, before COMMAND",
            Self::Running => "COMMAND running",
            Self::Unlocking => "unlocked, before leaving",
            Self::Leaving => "leaving, no answer yet",
            Self::Recombining => "server recombining",
        }
    }

    /// Says whether the run is stopped after a system call.
    fn is_stopped(self) -> bool {
        matches!(self, Self::OwnLock | Self::Entered | Self::Locked | Self::Unlocking)
    }
}

/// A run that was caught in a phase.
#[derive(Debug)]
pub(super) struct Caught<'a> {
    scene: &'a Scene<'a>,
    phase: Phase,
    gate: Gate,
    other_run: Option<Holder>,
    /// The run.
    pub(super) run: Started,
}

/// Starts a run, and waits until it is in the phase.
pub(super) fn catch<'a>(scene: &'a Scene<'a>, phase: Phase, stops: &Stops) -> Result<Caught<'a>> {
    let gate = scene.put_gate()?;
    let other_run = prepare(scene, phase, &gate)?;
    let run = start(scene, phase, stops)?;
    let caught = Caught { scene, phase, gate, other_run, run };
    let what = format!("a run in the phase `{}`", phase.name());
    until(&what, || caught.has_arrived())?;
    caught.check_stopped()?;
    Ok(caught)
}

/// Arranges what holds the run back.
fn prepare(scene: &Scene<'_>, phase: Phase, gate: &Gate) -> Result<Option<Holder>> {
    let server = scene.server()?;
    match phase {
        Phase::Waiting => return Ok(Some(Holder::hold(&scene.site.storage().run_lock())?)),
        Phase::Asking => gate.hold(Hold::Connections),
        Phase::Entering => server.hold_at(Step::Flush),
        Phase::Leaving => gate.hold(Hold::Requests(LEAVE)),
        Phase::Recombining => {
            let refused = |error| anyhow::anyhow!("{error:?}");
            server.enter("earlier").map_err(refused)?;
            server.hold_at(Step::Recombine);
            server.leave("earlier").map_err(refused)?;
            ensure!(server.wait_at(Step::Recombine), "the server does not recombine");
        }
        _ => {}
    }
    Ok(None)
}

fn start(scene: &Scene<'_>, phase: Phase, stops: &Stops) -> Result<Started> {
    match phase {
        Phase::Waiting => scene.start("caught", PATIENT),
        Phase::Running => scene.start_waiting("caught"),
        _ if phase.is_stopped() => {
            let tracer = stops.tracer(phase, &scene.folder.join("trace"));
            scene.start_traced(&tracer, "caught", &[])
        }
        _ => scene.start("caught", &[]),
    }
}

impl Caught<'_> {
    fn has_arrived(&self) -> bool {
        let is_at = |step| self.scene.site.server().is_ok_and(|server| server.is_at(step));
        match self.phase {
            Phase::Waiting => self.run.tool.has_said("Retrying snapshot.... ("),
            Phase::Recombining => self.run.tool.has_said("the server is recombining"),
            Phase::Asking | Phase::Leaving => self.gate.holds_one(),
            Phase::Entering => is_at(Step::Flush),
            Phase::Running => self.run.notes().began,
            _ => {
                let trace = fs::read_to_string(self.scene.folder.join("trace"));
                trace.is_ok_and(|trace| trace.contains("stopped by SIGSTOP"))
            }
        }
    }

    /// Checks that a stopped run is where it should be.
    fn check_stopped(&self) -> Result<()> {
        let storage = self.scene.site.storage();
        let is_locked = |path: &_| FileLock::take_without_pid(path).is_err();
        let held = self.scene.site.held().is_some();
        let (began, ended) = (self.run.notes().began, self.run.notes().ended);
        let is_right = match self.phase {
            Phase::OwnLock => is_locked(&storage.run_lock()) && !held,
            Phase::Entered => held && !is_locked(&storage.sublock()),
            Phase::Locked => held && is_locked(&storage.sublock()) && !began,
            Phase::Unlocking => held && !is_locked(&storage.sublock()) && ended,
            _ => true,
        };
        ensure!(is_right, "the run was stopped in another phase than `{}`", self.phase.name());
        Ok(())
    }

    /// Sends a signal, releases the phase, and waits for the end of dsnap itself.
    pub(super) fn send(&mut self, signal: &Sent) -> Result<Ended> {
        self.run.tool.signal(signal.number)?;
        if self.phase.is_stopped() {
            self.run.tool.signal(SIGCONT)?;
        }
        if !signal.is_orderly {
            self.kill(signal)?;
        }
        self.release()?;
        self.run.tool.end()
    }

    /// Sends the signal until the program has ended.
    fn kill(&mut self, signal: &Sent) -> Result<()> {
        let mut ended = Ok(false);
        until("the end of a killed program", || {
            if signal.is_taken_once() {
                let _ = self.run.tool.signal(signal.number);
            }
            ended = self.run.tool.has_ended();
            !matches!(ended, Ok(false))
        })?;
        ended.map(drop)
    }

    /// Ends what held the run back.
    fn release(&mut self) -> Result<()> {
        self.other_run = None;
        self.gate.open();
        self.scene.server()?.go_on();
        Ok(())
    }
}
