//! Words for people: foreign text made harmless, and commands quoted for a shell.
//!
//! Everything that did not come from this program (file contents, names, what servers and
//! methods say) passes through here before it meets a terminal.

use std::ffi::OsStr;
use std::fmt::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// How many characters of a foreign text are shown.
pub const LONGEST: usize = 1000;

/// Shows foreign bytes on one line: no control or direction characters, and cut at [`LONGEST`].
#[derive(Debug, Clone, Copy)]
pub struct Harmless<'a>(pub &'a [u8]);

impl fmt::Display for Harmless<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(self.0);
        let mut letters =
            text.chars().map(|letter| if is_harmful(letter) { '\u{fffd}' } else { letter });
        for letter in letters.by_ref().take(LONGEST) {
            f.write_char(letter)?;
        }
        if letters.next().is_some() { f.write_char('…') } else { Ok(()) }
    }
}

/// C0 and C1 controls, line separators, and what changes the direction of writing.
fn is_harmful(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Foreign text, made harmless.
pub fn harmless(text: impl AsRef<OsStr>) -> String {
    Harmless(text.as_ref().as_bytes()).to_string()
}

/// A word as one types it into a shell. Bytes a terminal cannot show become visible there, too.
pub fn quoted(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref().as_bytes();
    let printable = std::str::from_utf8(word).is_ok_and(|text| !text.chars().any(is_harmful));
    if !printable {
        return format!("$'{}'", word.escape_ascii());
    }
    // The only thing that cannot be quoted is a NUL, and that is not printable.
    shlex::bytes::try_quote(word).map_or_else(
        |_| harmless(OsStr::from_bytes(word)),
        |quoted| String::from_utf8_lossy(&quoted).into_owned(),
    )
}

/// A command as one types it into a shell.
pub fn command_line<'a>(words: impl IntoIterator<Item = &'a OsStr>) -> String {
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// A path in running text.
pub fn path(path: impl AsRef<Path>) -> String {
    harmless(path.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_one_line_without_controls() {
        let text = harmless("red \u{1b}[31mline\nnext\u{9b}x \u{202e}txt.exe");
        assert_eq!(text, "red \u{fffd}[31mline\u{fffd}next\u{fffd}x \u{fffd}txt.exe");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_shown_as_replacements() {
        assert_eq!(Harmless(b"a\xffb").to_string(), "a\u{fffd}b");
    }

    #[test]
    fn foreign_text_is_cut_at_a_thousand_characters() {
        assert_eq!(harmless("ä".repeat(1000)), "ä".repeat(1000));
        assert_eq!(harmless("ä".repeat(1001)), format!("{}…", "ä".repeat(1000)));
    }

    #[test]
    fn words_are_quoted_as_a_shell_reads_them() {
        assert_eq!(quoted("/srv/ds"), "/srv/ds");
        assert_eq!(quoted("my storage"), "'my storage'");
        assert_eq!(quoted(OsStr::from_bytes(b"a\xff\n")), "$'a\\xff\\n'");
        assert_eq!(command_line([OsStr::new("mkdir"), OsStr::new("a b")]), "mkdir 'a b'");
    }
}
