//! A loadable method that does nothing: what is left when it is called is the price of the call.

use dsnap_sdk::{Entered, Left, Request, SnapshotMethod, Status};

/// Says at once what is asked of it.
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
