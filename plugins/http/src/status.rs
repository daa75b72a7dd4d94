//! `status`: what an `enter` would meet.

use dsnap_core::method::Status;

use crate::current_use::{self, CurrentUse};
use crate::toolkit::Toolkit;

/// Asks the server for its current snapshot code; changes nothing.
pub(crate) fn status(toolkit: &Toolkit<'_>) -> Status {
    let url = toolkit.url();
    match toolkit.current_use() {
        Ok(None) => Status::CouldEnter,
        Ok(Some(CurrentUse::Snapshot(code))) => Status::Held(code.into_bytes()),
        Ok(Some(CurrentUse::ServerTask(task))) => {
            Status::Busy(current_use::busy_with_task(url, &task))
        }
        Ok(Some(CurrentUse::Startup)) => Status::Refused(current_use::stuck_since_startup(url)),
        Err(error) => error.into(),
    }
}
