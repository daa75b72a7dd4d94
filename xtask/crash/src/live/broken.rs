//! A promise that was not kept by a run on a live site.

use std::io;

use crate::verdict::Verdict;

pub(crate) use crate::point::{Broken, Kept};

impl Broken {
    /// A committed transaction is missing, or a file differs.
    pub(crate) fn lost(what: impl Into<String>) -> Self {
        Self::of(Verdict::Lost, what)
    }

    /// The storage is in a snapshot, and nothing says so.
    pub(crate) fn frozen(what: impl Into<String>) -> Self {
        Self::of(Verdict::Frozen, what)
    }

    /// COMMAND ran in an old snapshot, or without protection.
    pub(crate) fn stale(what: impl Into<String>) -> Self {
        Self::of(Verdict::Stale, what)
    }

    /// The run did not do what the specification says, or the check could not be made.
    pub(crate) fn undecided(what: impl Into<String>) -> Self {
        Self::of(Verdict::Undecided, what)
    }
}

impl From<anyhow::Error> for Broken {
    fn from(error: anyhow::Error) -> Self {
        Self::undecided(format!("{error:#}"))
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::undecided(error.to_string())
    }
}
