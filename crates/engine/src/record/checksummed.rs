//! Lines with a checksum: `KIND name=value … crc=CHECKSUM`.
//!
//! People can read them: a value is percent-encoded only where it contains blanks or what a terminal
//! does not show. After a crash, a torn line is recognised by its checksum.

use std::fmt::Write;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

/// The characters that are not encoded, so that names and paths stay readable.
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

    /// Returns the line with its checksum, without a newline.
    pub(crate) fn finish(self) -> String {
        format!("{} crc={:08x}", self.0, crc32fast::hash(self.0.as_bytes()))
    }
}

/// The values of a line whose checksum is right.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChecksummedLine<'a>(&'a str);

impl<'a> ChecksummedLine<'a> {
    /// Reads a line of that kind; `None` if it is of another kind, or torn.
    pub(crate) fn parse(line: &'a str, kind: &str) -> Option<Self> {
        let (content, checksum) = line.rsplit_once(" crc=")?;
        let whole = format!("{:08x}", crc32fast::hash(content.as_bytes())) == checksum;
        whole.then(|| content.strip_prefix(kind)?.strip_prefix(' ').map(Self))?
    }

    /// Returns the bytes of a value.
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
    fn every_value_reads_back_as_it_was() {
        for value in [&b"plain"[..], b"", b"a b=c\nd crc=00000000", b"\xff\x00\x1b[1m"] {
            let line = LineWriter::new("run").field("v", value).number("n", 7).finish();
            assert!(line.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{line}");
            let read = ChecksummedLine::parse(&line, "run").unwrap();
            assert_eq!(read.bytes("v").unwrap(), value);
            assert_eq!(read.number::<u32>("n"), Some(7));
        }
    }

    #[test]
    fn a_torn_line_and_a_line_of_another_kind_are_rejected() {
        let line = LineWriter::new("run").field("v", "x").finish();
        assert!(ChecksummedLine::parse(&line, "record").is_none());
        for end in 0..line.len() {
            assert!(ChecksummedLine::parse(&line[..end], "run").is_none());
        }
        assert!(ChecksummedLine::parse(&line.replace("v=x", "v=y"), "run").is_none());
    }
}
