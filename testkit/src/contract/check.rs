//! What a check may find, and how it ends early.
//!
//! The types that every module of the suite needs; which checks there are is decided above.

use std::io;

/// One rule of the contract, and how the method kept it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule, in a few words.
    pub rule: &'static str,
    /// What the check found.
    pub outcome: Outcome,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The method keeps the rule.
    Kept,
    /// The method breaks the rule: one sentence that says what was seen.
    Breach(String),
    /// The rule was not tried, and why.
    NotTried(&'static str),
}

/// Why a check ended without confirming its rule.
#[derive(Debug)]
pub(super) enum CheckError {
    /// The method breaks the rule.
    Breach(String),
    /// The rule does not apply here, or cannot be tried.
    NotTried(&'static str),
    /// The simulated site does not work.
    Site(io::Error),
}

/// The result of a check's steps.
pub(super) type CheckResult<T = ()> = Result<T, CheckError>;

/// How the method puts a free storage into a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EnterEffect {
    /// `misc/snapshot` contains the code.
    Held,
    /// The storage is closed, and leave opens it again.
    Closed,
    /// The storage is closed, and there is nothing to leave.
    Done,
}

impl From<io::Error> for CheckError {
    fn from(error: io::Error) -> Self {
        Self::Site(error)
    }
}

/// Makes a breach of one sentence.
pub(super) fn breach(sentence: impl Into<String>) -> CheckError {
    CheckError::Breach(sentence.into())
}

impl Finding {
    /// Turns a check's result into a finding.
    ///
    /// # Errors
    ///
    /// The simulated site does not work: that says nothing about the method.
    pub(super) fn of(rule: &'static str, result: CheckResult) -> io::Result<Self> {
        let outcome = match result {
            Ok(()) => Outcome::Kept,
            Err(CheckError::Breach(sentence)) => Outcome::Breach(sentence),
            Err(CheckError::NotTried(why)) => Outcome::NotTried(why),
            Err(CheckError::Site(error)) => return Err(error),
        };
        Ok(Self { rule, outcome })
    }
}
