//! `status`: what an `enter` would meet.

use dsnap_core::Code;
use dsnap_core::method::Status;

use crate::answer::Endpoint;
use crate::current_use::{self, CurrentUse};
use crate::toolkit::Toolkit;

/// Asks the server for its current snapshot code; changes nothing. Another code than `code` is only
/// for people, so our secrets are masked in it.
pub(crate) fn status(toolkit: &Toolkit<'_>, code: &Code) -> Status {
    let Endpoint { url, secrets, .. } = toolkit.endpoint();
    match toolkit.current_use() {
        Ok(None) => Status::CouldEnter,
        Ok(Some(held @ CurrentUse::Snapshot(_))) if held.is_snapshot(code) => {
            Status::Held(format!("user/{code}").into_bytes())
        }
        Ok(Some(CurrentUse::Snapshot(other))) => {
            Status::Held(secrets.mask(&other).into_owned().into_bytes())
        }
        Ok(Some(CurrentUse::ServerTask(task))) => {
            Status::Busy(current_use::busy_with_task(url, secrets, &task))
        }
        Ok(Some(CurrentUse::Startup)) => Status::Refused(current_use::stuck_since_startup(url)),
        Err(error) => error.into(),
    }
}
