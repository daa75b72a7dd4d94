//! A finding: one thing that is wrong with a storage, how bad it is, and the next step.

use dsnap_core::Reason;

/// How bad something is, in ascending order: of several findings, the greatest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A run works, or waits for something ordinary.
    Ready,
    /// A run works, but somebody should look.
    Look,
    /// Whether a run works cannot be seen from here.
    Unknown,
    /// A run would fail.
    Fails,
}

/// Something that people should know about a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub text: String,
    /// The next step. Where it is a command, the command stands at the end.
    pub next: Vec<String>,
}

impl Finding {
    pub(super) fn new(severity: Severity, text: impl Into<String>) -> Self {
        Self { severity, text: text.into(), next: Vec::new() }
    }

    pub(super) fn next(mut self, next: impl Into<String>) -> Self {
        self.next.push(next.into());
        self
    }

    /// Makes a finding of a reason; its hints are the next step.
    pub fn of(severity: Severity, reason: &Reason) -> Self {
        Self { severity, text: reason.text().to_owned(), next: reason.hints().to_vec() }
    }
}
