//! The processes of a run: the script, and dsnap and COMMAND, which `misc/dsnap.lock` names.
#![allow(clippy::disallowed_methods, reason = "it looks at processes")]

use std::fs;
use std::io;
use std::process::{Child, ExitStatus};

use dsnap_engine::record::run_record::RunRecord;
use dsnap_engine::storage::Storage;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};

/// A script that was started in a process group of its own.
#[derive(Debug)]
pub(super) struct ScriptProcess {
    child: Child,
    group: Option<Pid>,
    ended: Option<ExitStatus>,
}

impl ScriptProcess {
    /// Takes over a script that leads its process group.
    pub(super) fn new(child: Child) -> Self {
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        Self { child, group, ended: None }
    }

    /// Returns how the script ended, if it has.
    pub(super) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait()?;
        }
        Ok(self.ended)
    }

    /// Sends a signal to the script, unless it has ended.
    pub(super) fn signal(&self, signal: Signal) {
        if let (Some(pid), None) = (self.group, self.ended) {
            // It is not reaped yet, so no other process has its number.
            let _ = kill_process(pid, signal);
        }
    }

    /// Sends a signal to the script and to all processes that it started.
    pub(super) fn signal_group(&self, signal: Signal) {
        let _ = self.group.map(|group| kill_process_group(group, signal));
    }

    /// Tells whether the script, or a process that it started, still runs.
    pub(super) fn has_processes(&self) -> bool {
        let Some(group) = self.group else { return false };
        // Orphans that ended stay in the group until the first process of the system, or of the container,
        // reaps them, which may be never.
        test_kill_process_group(group).is_ok() && has_running_member(group)
    }
}

impl Drop for ScriptProcess {
    /// Ends what still runs: nothing may write into folders that are about to be removed.
    fn drop(&mut self) {
        if !matches!(self.ended(), Ok(Some(_))) || self.has_processes() {
            self.signal_group(Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// The run of dsnap that is at work on a storage, if there is one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) dsnap: Pid,
    /// COMMAND, once it was started.
    pub(super) command: Option<Pid>,
}

impl Run {
    /// Reads what the lock file of a storage says. Half a file says nothing, and is soon read again.
    pub(super) fn on(storage: &Storage) -> Option<Self> {
        let run = RunRecord::read(storage).ok()??;
        let command = run.command.and_then(|command| Pid::from_raw(command.pid));
        Some(Self { dsnap: Pid::from_raw(run.tool.pid)?, command })
    }
}

/// Tells whether a run of dsnap, or the COMMAND of one, may still be at work on a storage.
pub(super) fn is_at_work(storage: &Storage) -> bool {
    match RunRecord::read(storage) {
        Ok(run) => run.is_some_and(|run| run.may_live()),
        Err(_) => true,
    }
}

/// Returns the state of a process as `/proc` names it; `None` if it does not exist.
fn state(pid: Pid) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Tells whether a process has ended, even if nobody has waited for it yet.
pub(super) fn has_ended(pid: Pid) -> bool {
    matches!(state(pid), None | Some('Z' | 'X'))
}

/// Tells whether a process is stopped.
pub(super) fn is_stopped(pid: Pid) -> bool {
    state(pid) == Some('T')
}

fn has_running_member(group: Pid) -> bool {
    let all = procfs::process::all_processes().into_iter().flatten().flatten();
    let mut members = all.filter_map(|process| process.stat().ok());
    members.any(|it| it.pgrp == group.as_raw_nonzero().get() && !matches!(it.state, 'Z' | 'X'))
}

/// Sends a signal to a process of the run. One that has ended gets nothing.
pub(super) fn send(pid: Pid, signal: Signal) {
    let _ = kill_process(pid, signal);
}
