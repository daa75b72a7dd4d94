//! Looking: what would an enter meet?

use dsnap_core::method::Status;

use crate::current_use::{self, Occupant};
use crate::toolkit::Toolkit;

/// Asks for the code of the current snapshot.
pub(crate) fn status(toolkit: &Toolkit<'_>) -> Status {
    match toolkit.occupant() {
        Ok(None) => Status::CouldEnter,
        Ok(Some(Occupant::Snapshot(code))) => Status::Held(code.into_bytes()),
        Ok(Some(Occupant::Work(work))) => Status::Busy(current_use::at_work(toolkit.url(), &work)),
        Ok(Some(Occupant::Startup)) => Status::Refused(current_use::stuck(toolkit.url())),
        Err(trouble) => trouble.into(),
    }
}
