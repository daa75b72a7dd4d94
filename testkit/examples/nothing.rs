//! A loadable method that does nothing, so that a call of it costs what every call costs.

use dsnap_sdk::{Entered, Left, Request, SnapshotMethod, Status};

/// Returns success at once.
#[derive(Debug)]
pub(crate) struct Nothing;

impl SnapshotMethod for Nothing {
    fn name(&self) -> &str {
        "nothing"
    }

    fn enter(&self, _: &Request<'_>) -> Entered {
        Entered::Done
    }

    fn leave(&self, _: &Request<'_>) -> Left {
        Left::Left
    }

    fn status(&self, _: &Request<'_>) -> Status {
        Status::CannotTell
    }
}

dsnap_sdk::export!(Nothing);
