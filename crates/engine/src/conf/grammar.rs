//! The grammar of `snapshot.conf`: lines into words.
//!
//! One method a line. Which methods there are, and what a line's words mean to one, is decided
//! in [`plan`](crate::conf::plan).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// A line that names something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number in the file; every line counts, from 1.
    pub number: usize,
    /// Its text without the comment and outer blanks.
    pub text: Vec<u8>,
    /// Its words, unquoted; at least one. Or why it has none.
    pub words: Result<Vec<OsString>, &'static str>,
}

/// The lines of a conf file that are not empty and not only a comment.
pub fn lines(text: &[u8]) -> Vec<Line> {
    let numbered = text.split(|&byte| byte == b'\n').zip(1..);
    numbered.filter_map(|(text, number)| line(text, number)).collect()
}

/// One line; `None` if it holds nothing.
pub fn line(text: &[u8], number: usize) -> Option<Line> {
    let (words, end) = split(text);
    let words = words.map(|words| words.into_iter().map(OsString::from_vec).collect::<Vec<_>>());
    let text = text[..end].trim_ascii().to_owned();
    (words != Ok(Vec::new())).then_some(Line { number, text, words })
}

/// Where the reading of a line stands.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Between,
    Word,
    Single,
    Double,
}

/// The words of a line, and where the comment begins (or the line ends).
fn split(line: &[u8]) -> (Result<Vec<Vec<u8>>, &'static str>, usize) {
    let mut words: Vec<Vec<u8>> = Vec::new();
    let mut word = Vec::new();
    let mut state = State::Between;
    let mut bytes = line.iter().copied().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match (state, byte) {
            (_, 0) => return (Err("a NUL byte"), line.len()),
            (State::Between, b'#') => return (Ok(words), at),
            (State::Between, b' ' | b'\t' | b'\r') => {}
            (State::Word, b' ' | b'\t' | b'\r') => {
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
        State::Single | State::Double => return (Err("an open quote"), line.len()),
        State::Word => words.push(word),
        State::Between => {}
    }
    (Ok(words), line.len())
}

/// What a backslash and a byte mean: within double quotes it stays unless it protects something.
fn unescaped(byte: u8, state: State) -> impl Iterator<Item = u8> {
    let stays = state == State::Double && !matches!(byte, b'"' | b'\\' | b'$' | b'`');
    stays.then_some(b'\\').into_iter().chain([byte])
}

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
    fn a_comment_begins_a_word_and_is_not_inside_one() {
        assert_eq!(words("direct # last").unwrap(), ["direct"]);
        assert_eq!(words("http http://a/#x '#y' # z").unwrap(), ["http", "http://a/#x", "#y"]);
        assert_eq!(words("# it's only words"), Ok(vec![]));
    }

    #[test]
    fn the_text_of_a_line_is_without_comment_and_blanks() {
        let line = line(b"  exec  'a b' # c ", 7).unwrap();
        assert_eq!((line.number, line.text.as_slice()), (7, &b"exec  'a b'"[..]));
    }

    #[test]
    fn open_quotes_and_nul_are_malformed() {
        assert_eq!(words("exec 'a"), Err("an open quote"));
        assert_eq!(words("exec \"a"), Err("an open quote"));
        assert_eq!(words("exec a\\"), Err("a backslash at its end"));
        assert_eq!(words("exec a\0b"), Err("a NUL byte"));
        assert_eq!(words("exec a\\\0b"), Err("a NUL byte"));
    }

    #[test]
    fn every_line_counts_from_one_and_empty_ones_are_skipped() {
        let lines = lines(b"\n# words\n  \r\ndirect\nnodirect");
        let seen: Vec<_> = lines.iter().map(|line| (line.number, line.text.clone())).collect();
        assert_eq!(seen, [(4, b"direct".to_vec()), (5, b"nodirect".to_vec())]);
    }

    proptest::proptest! {
        #[test]
        fn what_a_shell_quoter_writes_is_read_back(words in proptest::collection::vec("[^\0\r\n]{1,12}", 1..5)) {
            let quoted: Vec<_> = words.iter().map(|word| shlex::try_quote(word).unwrap()).collect();
            let line = line(quoted.join(" ").as_bytes(), 1).unwrap();
            let read: Vec<_> = line.words.unwrap().into_iter().map(|word| word.into_string().unwrap()).collect();
            proptest::prop_assert_eq!(read, words);
        }

        #[test]
        fn no_bytes_make_the_reading_fail(text in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            for line in lines(&text) {
                proptest::prop_assert!(line.words.map_or(true, |words| !words.is_empty()));
            }
        }
    }
}
