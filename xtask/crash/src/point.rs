//! What one disturbed run showed, and how the points of a part are counted and printed.

use std::fmt::Display;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use xtask_base::output;

use crate::scratch::Scratch;
use crate::verdict::{Tally, Verdict};

/// A promise that was not kept.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) verdict: Verdict,
    /// What was wrong, in words.
    pub(crate) what: String,
}

/// What a point showed.
pub(crate) type Kept = std::result::Result<(), Broken>;

impl Broken {
    /// Makes a verdict with its reason.
    pub(crate) fn of(verdict: Verdict, what: impl Into<String>) -> Self {
        Self { verdict, what: what.into() }
    }
}

/// Checks a condition.
pub(crate) fn check(holds: bool, verdict: Verdict, what: impl FnOnce() -> String) -> Kept {
    if holds { Ok(()) } else { Err(Broken::of(verdict, what())) }
}

/// Checks that nothing differs.
pub(crate) fn check_same(difference: Option<String>) -> Kept {
    difference.map_or(Ok(()), |what| Err(Broken::of(Verdict::Lost, what)))
}

/// Returns the verdict on a point. Prints a broken promise, and keeps what the point left.
pub(crate) fn judge(shown: Kept, point: &str, left: &Path, scratch: &Scratch) -> Result<Verdict> {
    let Err(Broken { verdict, what }) = shown else { return Ok(Verdict::Kept) };
    let kept = scratch.keep(left, point)?;
    output::error(format_args!("{verdict:?}: {point}: {what}; {kept}"));
    Ok(verdict)
}

/// Counts the verdicts.
pub(crate) fn tally(verdicts: impl IntoIterator<Item = Verdict>) -> Tally {
    let mut tally = Tally::default();
    verdicts.into_iter().for_each(|verdict| tally.count(verdict));
    tally
}

/// Counts the verdicts of a part whose points are made at the same time.
#[derive(Debug)]
pub(crate) struct Counter {
    part: &'static str,
    tally: Mutex<Tally>,
}

impl Counter {
    /// Begins to count.
    pub(crate) fn of(part: &'static str) -> Self {
        Self { part, tally: Mutex::default() }
    }

    /// Counts a point. Prints it, with its part, if a promise was broken.
    pub(crate) fn count(&self, point: impl Display, kept: Kept) {
        let verdict = kept.map_or_else(
            |Broken { verdict, what }| {
                output::error(format_args!("{verdict:?}: {} {point}: {what}", self.part));
                verdict
            },
            |()| Verdict::Kept,
        );
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).count(verdict);
    }

    /// Returns all that was counted.
    pub(crate) fn tally(self) -> Tally {
        self.tally.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
