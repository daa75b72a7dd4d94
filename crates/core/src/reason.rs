//! Why something did not work: one line for people, and hints.
//!
//! This is all that a method may say about a failure. Whether waiting helps is not part of it: that
//! follows from the variant of the result that carries the reason. The words are made where the
//! trouble is met, because only there the path and the cure are known. Callers pass them on
//! unchanged.

use std::fmt;

/// Why something did not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    text: String,
    hints: Vec<String>,
}

impl Reason {
    /// Makes a reason from a lower-case fragment without a full stop. Foreign parts of `text` must
    /// be [harmless](crate::text) already.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), hints: Vec::new() }
    }

    /// Adds one line that says what to do. Several hints are alternatives.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Replaces the text and keeps the hints.
    #[must_use]
    pub fn with_text(self, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..self }
    }

    /// Says what happened, in one line.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Says what to do next, as far as that is known: a line each, without the word `hint:`.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }
}

/// Shows the text, then each hint on a line of its own.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        self.hints.iter().try_for_each(|hint| write!(f, "\nhint: {hint}"))
    }
}

impl std::error::Error for Reason {}
