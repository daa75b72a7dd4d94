//! Harmless text: what did not come from this program, made safe to show on a terminal.
//!
//! File contents, names, and what servers and methods say pass through here before anybody sees
//! them. Quoting commands for a shell is `dsnap_engine::quoting`.

use std::ffi::OsStr;
use std::fmt::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// How many characters of a foreign text are shown.
pub const MAX_SHOWN_CHARS: usize = 1000;

/// Shows foreign bytes on one line: no control or direction characters, and cut at [`MAX_SHOWN_CHARS`].
#[derive(Debug, Clone, Copy)]
pub struct Harmless<'a>(pub &'a [u8]);

impl fmt::Display for Harmless<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(self.0);
        let mut letters =
            text.chars().map(|letter| if is_harmful(letter) { '\u{fffd}' } else { letter });
        for letter in letters.by_ref().take(MAX_SHOWN_CHARS) {
            f.write_char(letter)?;
        }
        if letters.next().is_some() { f.write_char('…') } else { Ok(()) }
    }
}

/// Whether a character could confuse a terminal: C0 and C1 controls, line separators, and what
/// changes the direction of writing.
pub fn is_harmful(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Makes foreign text harmless; see [`Harmless`].
pub fn harmless(text: impl AsRef<OsStr>) -> String {
    Harmless(text.as_ref().as_bytes()).to_string()
}

/// Makes a path harmless, for running text.
pub fn path(path: impl AsRef<Path>) -> String {
    harmless(path.as_ref())
}

/// Says in words what an error is. Rust appends the number of an error of the system, `(os error 2)`,
/// which tells people nothing.
pub fn error(error: &dyn fmt::Display) -> String {
    let text = error.to_string();
    let (words, end) = text.rsplit_once(" (os error ").unwrap_or((&text, ""));
    let number = end.strip_suffix(')').unwrap_or_default();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { words.to_owned() } else { text.clone() }
}

#[cfg(test)]
mod properties;

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
    fn errors_of_the_system_are_shown_without_their_number() {
        let absent = std::io::Error::from_raw_os_error(2);
        assert_eq!(error(&absent), "No such file or directory");
        assert_eq!(error(&format!("ds: {absent}")), "ds: No such file or directory");
        for kept in ["(os error 2)", "x (os error )", "x (os error 2) at y", "x (os error two)"] {
            assert_eq!(error(&kept), kept);
        }
    }

    #[test]
    fn foreign_text_is_cut_at_a_thousand_characters() {
        assert_eq!(harmless("ä".repeat(1000)), "ä".repeat(1000));
        assert_eq!(harmless("ä".repeat(1001)), format!("{}…", "ä".repeat(1000)));
    }
}
