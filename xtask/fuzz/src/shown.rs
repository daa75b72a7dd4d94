//! What holds for every text that people see.

use dsnap_core::Reason;
use dsnap_core::text::{self, MAX_SHOWN_CHARS};

/// How many characters the program's own words around a foreign text may have.
const OWN_WORDS: usize = 400;

/// Checks that a text is one line without control characters, and short.
#[track_caller]
pub(crate) fn check_line(line: &str) {
    assert!(!line.chars().any(text::is_harmful), "harmful in a terminal: {line:?}");
    assert!(line.chars().count() <= MAX_SHOWN_CHARS + OWN_WORDS, "too long: {line:?}");
}

/// Checks each line of a reason.
#[track_caller]
pub(crate) fn check_reason(reason: &Reason) {
    check_line(reason.text());
    reason.hints().iter().chain(reason.foreign_hints()).for_each(|hint| check_line(hint));
}

/// Checks that no line of a reason contains any of these secrets.
#[track_caller]
pub(crate) fn check_secrets(text: &str, secrets: &[&str]) {
    for secret in secrets {
        assert!(!text.contains(secret), "the secret {secret:?} is in {text:?}");
    }
}
