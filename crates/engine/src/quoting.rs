//! Words and commands, quoted as one types them into a shell: for hints that are copied.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use dsnap_core::text;

/// Quotes a word for a shell. Bytes that a terminal cannot show are escaped visibly.
pub fn quoted(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref().as_bytes();
    let printable = std::str::from_utf8(word).is_ok_and(|text| !text.chars().any(text::is_harmful));
    if !printable {
        return format!("$'{}'", word.escape_ascii());
    }
    // Only a NUL cannot be quoted, and a NUL is not printable.
    shlex::bytes::try_quote(word).map_or_else(
        |_| text::harmless(OsStr::from_bytes(word)),
        |quoted| String::from_utf8_lossy(&quoted).into_owned(),
    )
}

/// Quotes the words of a command for a shell and joins them by one blank.
pub fn command_line<'a>(words: impl IntoIterator<Item = &'a OsStr>) -> String {
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_a_shell_reads_them() {
        assert_eq!(quoted("/srv/ds"), "/srv/ds");
        assert_eq!(quoted("my storage"), "'my storage'");
        assert_eq!(quoted(OsStr::from_bytes(b"a\xff\n")), "$'a\\xff\\n'");
        assert_eq!(command_line([OsStr::new("mkdir"), OsStr::new("a b")]), "mkdir 'a b'");
    }
    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_words_become_one_harmless_line_and_printable_ones_read_back(
            words in proptest::collection::vec("(\\PC|[ '\"\\\\$`!^*?~\n\u{1b}\u{202e}]){0,9}", 1..4),
        ) {
            let line = command_line(words.iter().map(OsStr::new));
            proptest::prop_assert!(!line.chars().any(text::is_harmful), "{line:?}");
            if !words.concat().chars().any(text::is_harmful) {
                proptest::prop_assert_eq!(shlex::split(&line), Some(words));
            }
        }
    }
}
