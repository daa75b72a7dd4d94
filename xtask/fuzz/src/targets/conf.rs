//! `snapshot.conf`: lines and words.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use dsnap_core::text;
use dsnap_engine::conf::grammar::{self, Line};
use dsnap_engine::quoting;

use crate::target::Target;

pub(crate) const TARGET: Target = Target {
    name: "conf",
    property: "snapshot.conf: no line changes the meaning of another, words are those of a shell",
    check,
    longest: 512,
};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

fn check(bytes: &[u8]) {
    let lines = grammar::lines(bytes);
    let last = 1 + count_newlines(bytes);
    assert!(lines.iter().all(|line| (1..=last).contains(&line.number)), "{lines:?}");
    assert!(lines.is_sorted_by(|one, next| one.number < next.number), "{lines:?}");
    lines.iter().for_each(check_line);
    check_split(bytes, &lines);
}

fn check_line(read: &Line) {
    let Line { number, text, words } = read;
    assert!(!text.contains(&b'\n'), "{read:?}");
    assert_eq!(grammar::line(text, *number).as_ref(), Some(read), "its text means the same");
    if let Ok(words) = words {
        assert!(!words.is_empty(), "{read:?}");
        check_words(words);
    }
    check_as_shell(text, words.as_deref().ok());
}

/// Words that a hint quotes can be copied back into a conf.
fn check_words(words: &[OsString]) {
    assert!(!words.iter().any(|word| word.as_bytes().contains(&0)), "{words:?}");
    let plain = |word: &OsString| word.to_str().is_some_and(|it| !it.chars().any(text::is_harmful));
    if words.iter().all(plain) {
        let quoted = quoting::command_line(words.iter().map(OsString::as_os_str));
        let again = grammar::line(quoted.as_bytes(), 1).map(|line| line.words);
        assert_eq!(again, Some(Ok(words.to_vec())), "{quoted}");
    }
}

/// Compares the words with those of another reader, where a carriage return and a NUL play no part: to
/// a shell they are no blank, and no error.
fn check_as_shell(text: &[u8], words: Option<&[OsString]>) {
    if text.contains(&b'\r') || text.contains(&0) {
        return;
    }
    let mut shell = shlex::bytes::Shlex::new(text);
    let split: Vec<_> = shell.by_ref().map(|word| OsStr::from_bytes(&word).to_owned()).collect();
    assert_eq!((!shell.had_error).then_some(&split[..]), words, "{}", text.escape_ascii());
}

/// Reads both halves of a file alone: each line means what it means in the whole file.
fn check_split(bytes: &[u8], lines: &[Line]) {
    let Some(at) = bytes.iter().position(|byte| *byte == b'\n') else { return };
    let (first, second) = (&bytes[..at], &bytes[at + 1..]);
    // Alone, the second half would lose it.
    if second.starts_with(BYTE_ORDER_MARK) {
        return;
    }
    let moved = |line: Line| Line { number: line.number + 1, ..line };
    let each: Vec<_> = grammar::lines(first)
        .into_iter()
        .chain(grammar::lines(second).into_iter().map(moved))
        .collect();
    assert_eq!(each, lines);
}

fn count_newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}
