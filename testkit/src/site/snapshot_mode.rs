//! How a simulated server enters its snapshots, those of tools and its own, and leaves them.

use dsnap_engine::system::flock::FileLock;

use super::server::{Refused, Shared};
use super::server_config::Step;
use crate::marker::Marker;

impl Shared {
    pub(super) fn enter(&self, code: &str) -> Result<(), Refused> {
        self.state().enters += 1;
        let entered = self.enter_in_turn(code);
        self.state().enters -= 1;
        self.changed();
        entered
    }

    fn enter_in_turn(&self, code: &str) -> Result<(), Refused> {
        let mut state = self.wait_while(|state| state.entering && !state.ending);
        if state.ending {
            return Err(Refused::Ended);
        }
        if let Some(code) = &state.code {
            return Err(Refused::InUse(code.clone()));
        }
        state.entering = true;
        drop(state);
        let entered = self.flush_and_mark(code);
        self.state().entering = false;
        self.changed();
        entered
    }

    fn flush_and_mark(&self, code: &str) -> Result<(), Refused> {
        if !self.pass(Step::Flush) {
            return Err(Refused::Ended);
        }
        let mut state = self.state();
        state.wanted = state.journal.len();
        drop(state);
        self.changed();
        let mut state = self.wait_while(|state| state.wanted > 0 && !state.ending);
        if state.ending {
            return Err(Refused::Ended);
        }
        state.code = Some(code.to_owned());
        let boundary = state.committed - state.journal.len();
        let broken = match (code.is_ascii(), state.disk_full) {
            (false, _) => Some(Refused::NotAscii(code.to_owned())),
            (true, true) => Some(Refused::DiskFull),
            (true, false) => None,
        };
        drop(state);
        if !self.pass(Step::CodeSet) {
            return Err(Refused::Ended);
        }
        let content = if broken.is_some() { "" } else { code };
        self.files.write_mark(content).map_err(|_| Refused::DiskFull)?;
        if code.starts_with("user/") && broken.is_none() {
            let noted = Marker::change(&self.files.storage, |marker| marker.entered(boundary));
            noted.map_err(|_| Refused::DiskFull)?;
        }
        if !self.pass(Step::MarkWritten) {
            return Err(Refused::Ended);
        }
        broken.map_or(Ok(()), Err)
    }

    pub(super) fn leave(&self, code: &str) -> Result<(), Refused> {
        let mut state = self.state();
        if state.ending {
            return Err(Refused::Ended);
        }
        if state.sublock.is_none() {
            let taken = FileLock::take(&self.files.storage.sublock());
            state.sublock = Some(taken.map_err(|_| Refused::SublockHeld)?);
        }
        if state.code.as_deref() != Some(code) {
            return Err(Refused::BadCode(code.to_owned(), state.code.clone()));
        }
        self.files.remove_mark().map_err(|_| Refused::DiskFull)?;
        state.code = Some(format!("recombining/{code}"));
        state.recombining = true;
        drop(state);
        self.changed();
        Ok(())
    }
}
