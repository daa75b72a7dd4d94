//! The label of a line: how messages name it.
//!
//! A method gives a label if the words of its line may contain a password. Otherwise the words are
//! the label. They are used instead of the line's text, in which blanks and quotes stand as the
//! author happened to write them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use dsnap_core::method::{CheckedLine, SnapshotMethod};
use dsnap_core::text;

use crate::quoting;

/// Makes the label of a line: the one that its method gives, or its words.
pub(super) fn label(
    method: &dyn SnapshotMethod,
    checked: CheckedLine,
    words: &[OsString],
) -> String {
    let label = checked.label.map_or_else(|| of_words(words), text::harmless);
    // A method that gives an empty label may want to hide its words.
    if label.trim().is_empty() { method.name().to_owned() } else { label }
}

/// Makes the label of a line whose words may be shown.
pub(crate) fn of_words(words: &[OsString]) -> String {
    text::harmless(words.iter().map(quoted).collect::<Vec<_>>().join(" "))
}

/// Quotes a word as for a shell, but leaves the `=` of `timeout=9` bare, as people write it.
fn quoted(word: &OsString) -> String {
    let parts = word.as_bytes().split(|byte| *byte == b'=');
    let quoted = |part: &[u8]| match part {
        b"" if !word.is_empty() => String::new(),
        part => quoting::quoted(OsStr::from_bytes(part)),
    };
    parts.map(quoted).collect::<Vec<_>>().join("=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_as_for_a_shell_but_for_its_equals_signs() {
        for (word, shown) in [
            ("/x", "/x"),
            ("", "''"),
            ("a b", "'a b'"),
            ("timeout=9", "timeout=9"),
            ("name=a b==", "name='a b'=="),
            ("a\u{9b}=b", "$'a\\xc2\\x9b'=b"),
        ] {
            assert_eq!(quoted(&word.into()), shown, "{word}");
        }
    }
}
