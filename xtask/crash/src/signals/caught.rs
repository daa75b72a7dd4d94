//! Catches a run in a phase. Each phase lasts until it is released, so nothing depends on time.

use std::fs;

use anyhow::{Result, anyhow, ensure};
use dsnap_testkit::left_behind::FileLock;
use dsnap_testkit::locks::Holder;
use dsnap_testkit::site::Step;
use nix::libc::SIGCONT;

use crate::live::{Ended, Gate, Hold, Scene, Started, until};

use super::phase::Phase;
use super::signal::Signal;
use super::stops::Stops;

/// The words in a request to leave, by any method.
const LEAVE: &[&str] = &["leaveSnapshot", "leave_snapshot", "leave "];
/// The options of a run that waits for another one.
const LONG_WAIT: &[&str] = &["-t", "10m", "-s", "10m"];

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
            let refused = |error| anyhow!("{error:?}");
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
        Phase::Waiting => scene.start("caught", LONG_WAIT),
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
    pub(super) fn send(&mut self, signal: &Signal) -> Result<Ended> {
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
    fn kill(&mut self, signal: &Signal) -> Result<()> {
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
