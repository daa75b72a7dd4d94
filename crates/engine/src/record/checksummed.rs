//! Lines that can be trusted after a crash: `KIND name=value … crc=CHECKSUM`.
//!
//! Readable for people; values are percent-encoded where they hold blanks or anything that a
//! terminal would not show. A line that is torn is recognised, not guessed at.

use std::fmt::Write;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

/// What stays as it is: names and paths remain readable.
const PLAIN: AsciiSet = NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_')
    .remove(b':')
    .remove(b'@')
    .remove(b',');

/// A line being written.
#[derive(Debug)]
pub(crate) struct LineWriter(String);

impl LineWriter {
    pub(crate) fn new(kind: &str) -> Self {
        Self(kind.to_owned())
    }

    /// Adds a value; bytes, not always UTF-8.
    pub(crate) fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = percent_encoding::percent_encode(value.as_ref(), &PLAIN);
        let _ = write!(self.0, " {name}={value}");
        self
    }

    pub(crate) fn number(self, name: &str, value: impl ToString) -> Self {
        self.field(name, value.to_string())
    }

    /// The line with its checksum, without a newline.
    pub(crate) fn seal(self) -> String {
        format!("{} crc={:08x}", self.0, crc32fast::hash(self.0.as_bytes()))
    }
}

/// The values of a line that is whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChecksummedLine<'a>(&'a str);

impl<'a> ChecksummedLine<'a> {
    /// Reads a line of that kind; none if it is another one, or torn.
    pub(crate) fn open(line: &'a str, kind: &str) -> Option<Self> {
        let (content, checksum) = line.rsplit_once(" crc=")?;
        let whole = format!("{:08x}", crc32fast::hash(content.as_bytes())) == checksum;
        whole.then(|| content.strip_prefix(kind)?.strip_prefix(' ').map(Self))?
    }

    /// A value's bytes.
    pub(crate) fn bytes(self, name: &str) -> Option<Vec<u8>> {
        let mut fields = self.0.split(' ');
        let value = fields.find_map(|field| field.strip_prefix(name)?.strip_prefix('='))?;
        Some(percent_encoding::percent_decode_str(value).collect())
    }

    pub(crate) fn text(self, name: &str) -> Option<String> {
        String::from_utf8(self.bytes(name)?).ok()
    }

    pub(crate) fn number<T: FromStr>(self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_whatever_they_hold() {
        for value in [&b"plain"[..], b"", b"a b=c\nd crc=00000000", b"\xff\x00\x1b[1m"] {
            let line = LineWriter::new("run").field("v", value).number("n", 7).seal();
            assert!(line.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{line}");
            let read = ChecksummedLine::open(&line, "run").unwrap();
            assert_eq!(read.bytes("v").unwrap(), value);
            assert_eq!(read.number::<u32>("n"), Some(7));
        }
    }

    #[test]
    fn a_torn_line_and_one_of_another_kind_are_none() {
        let line = LineWriter::new("run").field("v", "x").seal();
        assert!(ChecksummedLine::open(&line, "record").is_none());
        for end in 0..line.len() {
            assert!(ChecksummedLine::open(&line[..end], "run").is_none());
        }
        assert!(ChecksummedLine::open(&line.replace("v=x", "v=y"), "run").is_none());
    }
}
