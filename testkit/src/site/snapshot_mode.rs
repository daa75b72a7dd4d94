//! How a simulated server enters and leaves snapshot mode, for tools and for itself.

use std::sync::MutexGuard;

use dsnap_engine::system::flock::FileLock;

use super::server_config::Step;
use super::server_error::ServerError;
use super::shared::{CodeKind, Shared, State};
use crate::marker::Marker;

impl Shared {
    /// Enters under a code. A second caller waits for the first.
    pub(super) fn enter(&self, code: &str, kind: CodeKind) -> Result<(), ServerError> {
        self.state().snapshot.callers += 1;
        self.notify();
        let entered = self.enter_in_turn(code, kind);
        self.state().snapshot.callers -= 1;
        self.notify();
        entered
    }

    fn enter_in_turn(&self, code: &str, kind: CodeKind) -> Result<(), ServerError> {
        let mut state = self.wait_while(|state| state.snapshot.entering && !state.ending);
        if state.ending {
            return Err(ServerError::Ended);
        }
        if let Some(code) = &state.snapshot.code {
            return Err(ServerError::InUse(code.clone()));
        }
        state.snapshot.entering = true;
        drop(state);
        let entered = self.flush_and_write_code(code, kind);
        self.state().snapshot.entering = false;
        self.notify();
        entered
    }

    fn flush_and_write_code(&self, code: &str, kind: CodeKind) -> Result<(), ServerError> {
        let mut state = self.flush_journal()?;
        let committed = state.commits.total - state.commits.journal.len();
        state.snapshot.code = Some(code.to_owned());
        state.snapshot.code_kind = kind;
        let broken = match (code.is_ascii(), state.disk_full) {
            (false, _) => Some(ServerError::NotAscii(code.to_owned())),
            (true, true) => Some(ServerError::DiskFull),
            (true, false) => None,
        };
        drop(state);
        self.pass_or_end(Step::CodeSet)?;
        let content = if broken.is_some() { "" } else { code };
        self.files.write_snapshot_file(content).map_err(|_| ServerError::DiskFull)?;
        if code.starts_with("user/") && broken.is_none() {
            let noted = Marker::change(&self.files.storage, |marker| marker.entered(committed));
            noted.map_err(|_| ServerError::DiskFull)?;
        }
        self.pass_or_end(Step::MarkWritten)?;
        broken.map_or(Ok(()), Err)
    }

    /// Waits until the transactions that are in the journal now are in `A/`.
    fn flush_journal(&self) -> Result<MutexGuard<'_, State>, ServerError> {
        self.pass_or_end(Step::Flush)?;
        let mut state = self.state();
        state.commits.to_flush = state.commits.journal.len();
        drop(state);
        self.notify();
        let state = self.wait_while(|state| state.commits.to_flush > 0 && !state.ending);
        if state.ending { Err(ServerError::Ended) } else { Ok(state) }
    }

    fn pass_or_end(&self, step: Step) -> Result<(), ServerError> {
        if self.pass(step) { Ok(()) } else { Err(ServerError::Ended) }
    }

    /// Leaves the snapshot of a code: locks `misc/sublock` first, then compares the codes.
    pub(super) fn leave(&self, code: &str) -> Result<(), ServerError> {
        let mut state = self.state();
        if state.ending {
            return Err(ServerError::Ended);
        }
        if state.locks.sublock.is_none() {
            let lock = FileLock::take(&self.files.storage.sublock());
            state.locks.sublock = Some(lock.map_err(|_| ServerError::SublockHeld)?);
        }
        let held = &mut state.snapshot;
        if held.code.as_deref() != Some(code) {
            return Err(ServerError::BadCode(code.to_owned(), held.code.clone()));
        }
        self.files.remove_snapshot_file().map_err(|_| ServerError::DiskFull)?;
        held.code = Some(format!("recombining/{code}"));
        held.recombining = true;
        drop(state);
        self.notify();
        Ok(())
    }
}
