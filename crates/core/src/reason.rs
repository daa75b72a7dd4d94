//! Why something could not be done: one line for people, perhaps a hint, and whether waiting
//! helps.
//!
//! The one error type of this crate. Its words are made where the trouble is met, because only
//! there the path and the cure are known; everybody above passes them on unchanged.

use std::fmt;

/// Whether the trouble may go away by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Waiting {
    /// A person must change something first.
    Useless,
    /// The storage is not to be had just now: nobody answers, or it is no snapshot yet.
    Helps,
    /// The storage is in use: another snapshot, pack, recombination or tool is in the way.
    InUse,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    waiting: Waiting,
    text: String,
    hints: Vec<String>,
}

impl Refusal {
    /// A refusal that waiting does not cure. `text` is a fragment in lower case without a full
    /// stop; foreign parts of it are harmless already.
    pub fn new(text: impl Into<String>) -> Self {
        Self { waiting: Waiting::Useless, text: text.into(), hints: Vec::new() }
    }

    /// The storage is in use.
    pub fn in_use(text: impl Into<String>) -> Self {
        Self { waiting: Waiting::InUse, ..Self::new(text) }
    }

    /// The storage is not to be had just now.
    pub fn not_to_be_had(text: impl Into<String>) -> Self {
        Self { waiting: Waiting::Helps, ..Self::new(text) }
    }

    /// Adds what to do about it: one line. Of several hints each is one way.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same advice about other words.
    #[must_use]
    pub fn reworded(self, text: String) -> Self {
        Self { text, ..self }
    }

    /// The same words, but with the other judgement about waiting.
    #[must_use]
    pub fn waiting(self, waiting: Waiting) -> Self {
        Self { waiting, ..self }
    }

    /// Whether waiting helps.
    pub fn helped_by(&self) -> Waiting {
        self.waiting
    }

    /// What happened: one line.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What to do next, if that is known: a line each, without the word `hint:`.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }
}

/// The text; each hint follows on a line of its own.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        self.hints.iter().try_for_each(|hint| write!(f, "\nhint: {hint}"))
    }
}

impl std::error::Error for Refusal {}
