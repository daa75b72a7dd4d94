//! A loadable method that does nothing, so that the benchmark measures only the cost of a call.

use dsnap_sdk::{Entered, Left, Request, SnapshotMethod, Status};

/// A method that answers every call at once.
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
