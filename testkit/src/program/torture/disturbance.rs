//! Causes the fault of a trial: before the script starts, and while it runs.

use std::fs;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dsnap_engine::storage::Storage;
use rustix::process::{Pid, Signal};

use super::faults::{Act, Fault, Moment, Victim};
use super::process::{Run, ScriptProcess, has_ended, is_stopped, send};
use super::stage::Stage;
use crate::site::{FaultSpec, Server, Step};

/// How long a slow server takes, and how long another tool keeps the storage in a snapshot.
const WAIT: Duration = Duration::from_secs(2);
/// How long the effect of a signal may take.
const EFFECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The code of the snapshot of another tool.
const OTHER_CODE: &str = "another-tool";
/// Lets the server ignore the first request to leave, so the run stays at that moment.
const UNANSWERED_LEAVE: &str = "deaf:leave:1";

impl Fault {
    /// Prepares the fault before the script starts.
    pub(super) fn prepare(self, stage: &Stage<'_>) -> io::Result<()> {
        match self {
            Self::FullDisk | Self::At(Moment::Running, _) => Ok(()),
            Self::Nothing => {
                server(stage)?.hold_at(Step::MarkWritten);
                Ok(())
            }
            Self::Servers(faults) => add_faults(stage, faults),
            Self::InUse => server(stage)?.enter(OTHER_CODE).map_err(|_| lost_server()),
            Self::Crashed => {
                stage.site.crash_server();
                Ok(())
            }
            Self::At(Moment::Entering, _) => {
                server(stage)?.hold_at(Step::Flush);
                Ok(())
            }
            Self::At(Moment::Leaving, _) => add_faults(stage, &[UNANSWERED_LEAVE]),
        }
    }

    /// Causes the fault while the script runs. False if its moment did not come.
    pub(super) fn disturb(
        self,
        stage: &Stage<'_>,
        process: &mut ScriptProcess,
    ) -> io::Result<bool> {
        match self {
            Self::Nothing => commit_in_snapshot(stage, process).map(|()| true),
            Self::InUse => {
                pass_time(stage, process)?;
                server(stage)?.leave(OTHER_CODE).map_err(|_| lost_server())?;
                Ok(true)
            }
            Self::At(moment, act) => disturb_at(moment, act, stage, process),
            _ => Ok(true),
        }
    }

    /// Does what an administrator would do afterwards: starts the server, makes room on the disk.
    pub(super) fn undo(self, stage: &mut Stage<'_>) -> io::Result<()> {
        stage.site.no_faults();
        stage.target.make_room()?;
        if self.hits_server() || stage.site.server().is_err() {
            // A server that was started during a snapshot must be started again.
            stage.site.stop_server()?;
            stage.site.start_server()?;
        }
        Ok(())
    }
}

/// Adds each fault whose server the site has. Fails if the site has none of them.
fn add_faults(stage: &Stage<'_>, faults: &[&str]) -> io::Result<()> {
    let mut added = Err("no fault".to_owned());
    for fault in faults {
        let one = FaultSpec::parse(fault).and_then(|spec| stage.site.add_fault(spec));
        added = added.or(one);
    }
    added.map_err(io::Error::other)
}

fn server(stage: &Stage<'_>) -> io::Result<Arc<Server>> {
    stage.site.server().map_err(|_| lost_server())
}

fn lost_server() -> io::Error {
    io::Error::other("the simulated server has ended")
}

/// Commits at the beginning of the snapshot, so that neither `B/` nor `journal/` is empty by chance.
fn commit_in_snapshot(stage: &Stage<'_>, process: &mut ScriptProcess) -> io::Result<()> {
    let server = server(stage)?;
    let entered = stage.wait_until(process, || server.is_at(Step::MarkWritten));
    let committed = entered.and_then(|entered| if entered { stage.commit() } else { Ok(()) });
    // A script may stop its server: that snapshot is written when the storage is closed.
    let committed = committed.or_else(|error| stage.site.server().map_or(Ok(()), |_| Err(error)));
    server.go_on();
    committed
}

/// Waits for a moment, acts, and lets the run go on.
fn disturb_at(
    moment: Moment,
    act: Act,
    stage: &Stage<'_>,
    process: &mut ScriptProcess,
) -> io::Result<bool> {
    let (storage, server) = (stage.site.storage(), server(stage)?);
    let mut stopped = None;
    let has_come = match moment {
        Moment::Entering => stage.wait_until(process, || server.is_at(Step::Flush))?,
        Moment::Running => {
            stage.wait_until(process, || {
                stopped = Run::on(storage).and_then(|run| run.command);
                stopped.is_some()
            })? && stop(stage, stopped)?
        }
        Moment::Leaving => stage.wait_until(process, || is_leaving(storage))?,
    };
    let acted = if has_come { perform(act, stage, process) } else { Ok(()) };
    server.go_on();
    if let Some(command) = stopped {
        send(command, Signal::CONT);
    }
    acted.map(|()| has_come)
}

/// Stops COMMAND, so that the moment lasts. False if it has ended already.
fn stop(stage: &Stage<'_>, command: Option<Pid>) -> io::Result<bool> {
    let Some(command) = command else { return Ok(false) };
    send(command, Signal::STOP);
    wait_for_effect(stage, || is_stopped(command) || has_ended(command))?;
    Ok(is_stopped(command))
}

/// Tells whether COMMAND has ended while its run is still at work. The server answers no leave then, so
/// this lasts.
fn is_leaving(storage: &Storage) -> bool {
    let Some(Run { dsnap, command: Some(command) }) = Run::on(storage) else { return false };
    has_ended(command) && !has_ended(dsnap)
}

fn perform(act: Act, stage: &Stage<'_>, process: &mut ScriptProcess) -> io::Result<()> {
    match act {
        Act::Wait => pass_time(stage, process),
        Act::Signal(Victim::Script, signal) => {
            process.signal(signal);
            Ok(())
        }
        Act::Signal(Victim::Group, signal) => {
            process.signal_group(signal);
            Ok(())
        }
        Act::Signal(victim, signal) => {
            let run = Run::on(stage.site.storage());
            let pid = run.and_then(|run| match victim {
                Victim::Command => run.command,
                _ => Some(run.dsnap),
            });
            let Some(pid) = pid else { return Ok(()) };
            send(pid, signal);
            wait_for_effect(stage, || has_ended(pid))
        }
        Act::StopServer => stage.site.stop_server(),
        Act::RestartServer => {
            stage.site.crash_server();
            stage.site.start_server()
        }
        Act::BreakGuarantee => break_guarantee(stage),
    }
}

/// Removes `misc/sublock` and leaves the snapshot, as a careless script would.
fn break_guarantee(stage: &Stage<'_>) -> io::Result<()> {
    let (code, server) = (stage.site.held(), server(stage)?);
    let Some(code) = code.as_deref().and_then(|code| code.strip_prefix("user/")) else {
        return Ok(());
    };
    fs::remove_file(stage.site.storage().sublock())?;
    server.leave(code).map_err(|_| io::Error::other("the server does not leave the snapshot"))?;
    wait_for_effect(stage, || !matches!(server.code(), Ok(Some(_))))?;
    stage.commit()
}

/// Lets two seconds pass, unless the script ends before.
fn pass_time(stage: &Stage<'_>, process: &mut ScriptProcess) -> io::Result<()> {
    let end = Instant::now() + WAIT;
    stage.wait_until(process, || Instant::now() > end).map(drop)
}

/// Waits for the effect of an act, but not forever.
fn wait_for_effect(stage: &Stage<'_>, mut condition: impl FnMut() -> bool) -> io::Result<()> {
    let end = Instant::now() + EFFECT_TIMEOUT;
    while !condition() && Instant::now() < end {
        stage.pause()?;
    }
    Ok(())
}
