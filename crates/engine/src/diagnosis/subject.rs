//! A storage that is being looked at, and what several findings ask of it.

use crate::diagnosis::facts::{Facts, LockView};
use crate::diagnosis::lines::LineReport;
use crate::diagnosis::state::State;
use crate::quoting::quoted;
use crate::record::entry::Record;
use crate::run::copy;
use crate::run::session::Session;
use crate::system::lock_holders::Holder;
use crate::system::process::{Life, ProcessId};
use crate::system::users;

/// A storage that is being looked at.
pub(super) struct Subject<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) facts: &'a Facts,
    pub(super) state: State,
    pub(super) lines: &'a [LineReport],
}

/// What holds `misc/sublock` while no run of dsnap is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SublockUser {
    /// COMMAND of a run that was killed.
    Command,
    /// A process that such a COMMAND has left behind.
    LeftBehind,
    /// Something else: another tool.
    Other,
}

impl Subject<'_> {
    /// Says whether COMMAND of a recorded run may still be running.
    pub(super) fn is_used(&self, record: &Record) -> bool {
        match record.host.life_of(record.command.as_ref()) {
            Life::Runs => true,
            Life::Unknown => self.facts.sublock.is_held(),
            Life::Ended => false,
        }
    }

    /// Finds out what holds `misc/sublock`, if something does besides the server and a run.
    pub(super) fn sublock_user(&self) -> Option<SublockUser> {
        let Facts { sublock, server, run, look, .. } = self.facts;
        if !sublock.is_held() || sublock == server || run.is_held() {
            return None;
        }
        let of_records = look.contents.records.iter().map(|it| (&it.host, it.command.as_ref()));
        let of_run = look.contents.run.iter().map(|it| (&it.host, it.command.as_ref()));
        let lives = of_records.chain(of_run).map(|(host, command)| {
            if is_process(sublock, command) { Life::Runs } else { host.life_of(command) }
        });
        let lives: Vec<_> = lives.collect();
        Some(if lives.iter().any(|life| *life != Life::Ended) {
            SublockUser::Command
        } else if lives.is_empty() {
            SublockUser::Other
        } else {
            SublockUser::LeftBehind
        })
    }

    /// Says whether the storage is a copy whose files must not be recovered.
    pub(super) fn is_torn_copy(&self) -> bool {
        self.facts.look.is_copy && !copy::is_complete(self.session.storage)
    }

    /// Names the user with whose privileges this program looks.
    pub(super) fn caller(&self) -> String {
        format!("user {}", users::user_name(users::effective_user()))
    }

    /// Says who can see more of the storage, with the command.
    pub(super) fn as_owner(&self) -> String {
        let owner = users::user_name(self.session.storage.owner().user);
        let dir = quoted(self.session.storage.root());
        format!("run as root or as {owner}, who owns the storage: dsnap --status {dir}")
    }

    /// Writes the command that runs dsnap again with these options.
    pub(super) fn command_with(&self, options: &str) -> String {
        self.session.job.command_with(options)
    }
}

fn is_process(lock: &LockView, process: Option<&ProcessId>) -> bool {
    let pid = |holder: &Holder| match holder {
        Holder::Process { pid, .. } => Some(*pid),
        Holder::Unseen => None,
    };
    let held_by = match lock {
        LockView::Held(holder) => pid(holder),
        LockView::Free | LockView::Unknown => None,
    };
    held_by.is_some() && held_by == process.map(|process| process.pid)
}

/// Names who holds a lock.
pub(super) fn holder(lock: &LockView) -> String {
    match lock {
        LockView::Held(holder) => holder.to_string(),
        LockView::Free | LockView::Unknown => Holder::Unseen.to_string(),
    }
}

/// Says how to end who holds a lock.
pub(super) fn end(lock: &LockView) -> String {
    let kill = match lock {
        LockView::Held(holder) => holder.kill_command(),
        LockView::Free | LockView::Unknown => None,
    };
    kill.map_or_else(|| "end that process".to_owned(), |kill| format!("end that process: {kill}"))
}
