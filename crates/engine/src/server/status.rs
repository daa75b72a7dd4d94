//! `status`: what an `enter` would meet.

use dsnap_core::Code;
use dsnap_core::method::Status;

use super::Server;
use super::current_use::{self, CurrentUse};

/// Asks the server for its current snapshot code; changes nothing. Another code than `code` is only
/// for people, so it is shown like all words of the server.
pub fn status(server: &dyn Server, code: &Code) -> Status {
    let shown = server.shown();
    match server.current_use() {
        Ok(None) => Status::CouldEnter,
        Ok(Some(held @ CurrentUse::Snapshot(_))) if held.is_snapshot(code) => {
            Status::Held(format!("user/{code}").into_bytes())
        }
        Ok(Some(CurrentUse::Snapshot(other))) => Status::Held(server.harmless(&other).into_bytes()),
        Ok(Some(CurrentUse::ServerTask(task))) => {
            Status::Busy(current_use::busy_with_task(shown, &task, &server.harmless(&task)))
        }
        Ok(Some(CurrentUse::Startup)) => Status::Refused(current_use::stuck_since_startup(shown)),
        Err(error) => error.into(),
    }
}
