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
    foreign: Option<Box<ForeignHints>>,
}

/// Hints that a script or library gives. They are not this program's advice, and must not look like
/// it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ForeignHints {
    hints: Vec<String>,
    /// Who gives them: what stands before each.
    source: String,
}

impl Default for ForeignHints {
    /// Until the conf line is known, they are those of the method.
    fn default() -> Self {
        Self { hints: Vec::new(), source: "the method".to_owned() }
    }
}

impl Reason {
    /// Makes a reason from a lower-case fragment without a full stop. Foreign parts of `text` must
    /// be [harmless](crate::text) already.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), hints: Vec::new(), foreign: None }
    }

    /// Adds one line that says what to do. Several hints are alternatives.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds a hint in the words of a script or library. They must be [harmless](crate::text) already.
    #[must_use]
    pub fn foreign_hint(mut self, hint: impl Into<String>) -> Self {
        self.foreign.get_or_insert_default().hints.push(hint.into());
        self
    }

    /// Names the source of the foreign hints: the label of a conf line.
    #[must_use]
    pub fn given_by(mut self, label: &str) -> Self {
        if let Some(foreign) = &mut self.foreign {
            label.clone_into(&mut foreign.source);
        }
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

    /// Returns the hints that a script or library gives, without their source.
    pub fn foreign_hints(&self) -> &[String] {
        self.foreign.as_ref().map_or(&[], |foreign| &foreign.hints)
    }
}

/// Shows the text, then each hint on a line of its own. A line with a foreign hint begins with its
/// source, so that it cannot be taken for this program's advice.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        if let Some(ForeignHints { hints, source }) = self.foreign.as_deref() {
            hints.iter().try_for_each(|hint| write!(f, "\n{source}: hint: {hint}"))?;
        }
        self.hints.iter().try_for_each(|hint| write!(f, "\nhint: {hint}"))
    }
}

impl std::error::Error for Reason {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_a_foreign_hint_begins_with_its_source() {
        let reason = Reason::new("no").foreign_hint("rm -rf /").hint("wait");
        assert_eq!(reason.to_string(), "no\nthe method: hint: rm -rf /\nhint: wait");
        let reason = reason.given_by("exec /x").with_text("exec /x: no");
        assert_eq!(reason.to_string(), "exec /x: no\nexec /x: hint: rm -rf /\nhint: wait");
        assert_eq!((reason.hints().len(), reason.foreign_hints().len()), (1, 1));
    }
}
