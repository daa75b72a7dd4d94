//! The grammar of `snapshot.conf`: splits text into lines, and lines into words.
//!
//! Each line names one method. Which methods exist, and what the words mean to a method, is not known
//! here: [`plan`](crate::conf::plan) finds out.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// A line that contains words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The number of the line in the file. Every line counts, from 1.
    pub number: usize,
    /// The text of the line, without its comment and outer blanks.
    pub text: Vec<u8>,
    /// The words of the line, unquoted and at least one; or why it is malformed.
    pub words: Result<Vec<OsString>, &'static str>,
}

/// What some editors write at the beginning of a file; it is no part of the first word.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads the lines of a conf file, without those that are empty or only a comment.
pub fn lines(text: &[u8]) -> Vec<Line> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let numbered = text.split(|&byte| byte == b'\n').zip(1..);
    numbered.filter_map(|(text, number)| line(text, number)).collect()
}

/// Reads one line; `None` if it is empty or only a comment.
pub fn line(text: &[u8], number: usize) -> Option<Line> {
    let (words, end) = split(text);
    let words = words.map(|words| words.into_iter().map(OsString::from_vec).collect::<Vec<_>>());
    let text = without_outer_blanks(&text[..end]).to_owned();
    (words != Ok(Vec::new())).then_some(Line { number, text, words })
}

/// Removes the blanks around the words of a line. An escaped blank at the end belongs to a word.
fn without_outer_blanks(mut text: &[u8]) -> &[u8] {
    while let [blank, rest @ ..] = text
        && is_blank(*blank)
    {
        text = rest;
    }
    while let [rest @ .., blank] = text
        && is_blank(*blank)
        && rest.iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 0
    {
        text = rest;
    }
    text
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

/// Where in a line the splitter is.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Between,
    Word,
    Single,
    Double,
}

/// Splits a line into words. Also returns where its comment begins or, without one, its end.
fn split(line: &[u8]) -> (Result<Vec<Vec<u8>>, &'static str>, usize) {
    let mut words: Vec<Vec<u8>> = Vec::new();
    let mut word = Vec::new();
    let mut state = State::Between;
    let mut bytes = line.iter().copied().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match (state, byte) {
            (_, 0) => return (Err("a NUL byte"), line.len()),
            (State::Between, b'#') => return (Ok(words), at),
            (State::Between, blank) if is_blank(blank) => {}
            (State::Word, blank) if is_blank(blank) => {
                words.push(std::mem::take(&mut word));
                state = State::Between;
            }
            (State::Single, b'\'') | (State::Double, b'"') => state = State::Word,
            (State::Between | State::Word, b'\'') => state = State::Single,
            (State::Between | State::Word, b'"') => state = State::Double,
            (State::Between | State::Word | State::Double, b'\\') => match bytes.next() {
                None | Some((_, b'\r')) => return (Err("a backslash at its end"), line.len()),
                Some((_, 0)) => return (Err("a NUL byte"), line.len()),
                Some((_, escaped)) => {
                    word.extend(unescaped(escaped, state));
                    state = if state == State::Double { State::Double } else { State::Word };
                }
            },
            (_, byte) => {
                word.push(byte);
                state = if state == State::Between { State::Word } else { state };
            }
        }
    }
    match state {
        State::Single | State::Double => return (Err("a quote is not closed"), line.len()),
        State::Word => words.push(word),
        State::Between => {}
    }
    (Ok(words), line.len())
}

/// Resolves a backslash before a byte. In double quotes the backslash stays, unless the byte is one
/// that it protects.
fn unescaped(byte: u8, state: State) -> impl Iterator<Item = u8> {
    let stays = state == State::Double && !matches!(byte, b'"' | b'\\' | b'$' | b'`');
    stays.then_some(b'\\').into_iter().chain([byte])
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Result<Vec<String>, &'static str> {
        let Some(line) = line(text.as_bytes(), 1) else { return Ok(Vec::new()) };
        line.words.map(|words| words.into_iter().map(|word| word.into_string().unwrap()).collect())
    }

    #[test]
    fn words_are_separated_by_blanks() {
        assert_eq!(
            words(" http\thttp://a:1/x  access\r"),
            Ok(vec!["http".into(), "http://a:1/x".into(), "access".into()])
        );
    }

    #[test]
    fn words_may_be_quoted_as_in_a_shell_and_nothing_is_expanded() {
        assert_eq!(
            words(r#"exec 'a b' "c $HOME \" \x" d\ e f"g"'h' """#).unwrap(),
            ["exec", "a b", "c $HOME \" \\x", "d e", "fgh", ""]
        );
    }

    #[test]
    fn a_hash_begins_a_comment_only_where_a_word_could_begin() {
        assert_eq!(words("direct # last").unwrap(), ["direct"]);
        assert_eq!(words("http http://a/#x '#y' # z").unwrap(), ["http", "http://a/#x", "#y"]);
        assert_eq!(words("# it's only words"), Ok(vec![]));
    }

    #[test]
    fn the_text_of_a_line_has_no_comment_and_no_outer_blanks() {
        let line = line(b"  exec  'a b' # c ", 7).unwrap();
        assert_eq!((line.number, line.text.as_slice()), (7, &b"exec  'a b'"[..]));
        let escaped = super::line(br"exec a\   ", 1).unwrap();
        assert_eq!(
            (&*escaped.text, escaped.words.unwrap()),
            (&br"exec a\ "[..], vec!["exec".into(), "a ".into()])
        );
    }

    #[test]
    fn open_quotes_and_nul_bytes_are_malformed() {
        assert_eq!(words("exec 'a"), Err("a quote is not closed"));
        assert_eq!(words("exec \"a"), Err("a quote is not closed"));
        assert_eq!(words("exec a\\"), Err("a backslash at its end"));
        assert_eq!(words("exec a\0b"), Err("a NUL byte"));
        assert_eq!(words("exec a\\\0b"), Err("a NUL byte"));
    }

    #[test]
    fn every_line_is_counted_from_one_and_empty_lines_are_skipped() {
        let lines = lines(b"\n# words\n  \r\ndirect\nnodirect");
        let seen: Vec<_> = lines.iter().map(|line| (line.number, line.text.clone())).collect();
        assert_eq!(seen, [(4, b"direct".to_vec()), (5, b"nodirect".to_vec())]);
    }

    #[test]
    fn a_byte_order_mark_at_the_beginning_of_the_file_is_skipped() {
        for text in [&b"\xef\xbb\xbfdirect\n"[..], b"direct\n"] {
            assert_eq!(lines(text)[0].words, Ok(vec!["direct".into()]));
        }
    }
}
