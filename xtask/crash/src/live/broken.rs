//! A promise that was not kept at one point.

use std::io;

use crate::verdict::Verdict;

/// What a check found: nothing, or a broken promise.
pub(crate) type Kept = Result<(), Broken>;

/// Which kind of promise was broken, and how.
#[derive(Debug)]
pub(crate) struct Broken {
    /// The kind of promise.
    pub(crate) verdict: Verdict,
    /// What was seen, for people.
    pub(crate) what: String,
}

impl Broken {
    /// A committed transaction is missing, or a file differs.
    pub(crate) fn lost(what: impl Into<String>) -> Self {
        Self { verdict: Verdict::Lost, what: what.into() }
    }

    /// The storage is in a snapshot, and nothing says so.
    pub(crate) fn frozen(what: impl Into<String>) -> Self {
        Self { verdict: Verdict::Frozen, what: what.into() }
    }

    /// COMMAND ran in an old snapshot, or without protection.
    pub(crate) fn stale(what: impl Into<String>) -> Self {
        Self { verdict: Verdict::Stale, what: what.into() }
    }

    /// The run did not do what the specification says, or the check could not be made.
    pub(crate) fn undecided(what: impl Into<String>) -> Self {
        Self { verdict: Verdict::Undecided, what: what.into() }
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
