//! Texts in their plainest spelling, so that a secret is recognised in them.

/// Removes blanks and what may stand in their place: line breaks, the `+` of forms, and the padding of
/// Base64.
pub(super) fn without_blanks(text: &str) -> String {
    let is_blank = |letter: char| letter.is_whitespace() || matches!(letter, '+' | '=');
    text.chars().filter(|letter| !is_blank(*letter)).collect()
}

/// How a server writes characters that it cannot write as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    /// That of URLs: `%40`.
    Url,
    /// That of XML and HTML: `&amp;`, `&#64;`, `&#x40;`.
    Xml,
    /// That of Python and JSON: `\x40`, `\u0040`, `\'`.
    Code,
}

impl Notation {
    pub(super) const ALL: [Self; 3] = [Self::Url, Self::Xml, Self::Code];

    /// Resolves one layer of escapes.
    pub(super) fn unescape(self, text: &str) -> String {
        let mut rest = text.as_bytes();
        let mut plain = Vec::with_capacity(rest.len());
        while let [byte, after @ ..] = rest {
            rest = match self.read_escape(rest) {
                Some((meant, length)) => {
                    plain.extend(meant);
                    &rest[length..]
                }
                None => {
                    plain.push(*byte);
                    after
                }
            };
        }
        String::from_utf8_lossy(&plain).into_owned()
    }

    /// Reads the escape at the beginning: what it means, and its length.
    fn read_escape(self, text: &[u8]) -> Option<(Vec<u8>, usize)> {
        match (self, text) {
            (Self::Url, [b'%', digits @ ..]) => Some((vec![byte(digits)?], 3)),
            (Self::Xml, [b'&', ..]) => entity(text),
            (Self::Code, [b'\\', b'x', digits @ ..]) => Some((vec![byte(digits)?], 4)),
            (Self::Code, [b'\\', b'u', digits @ ..]) => Some((character(digits.get(..4)?, 16)?, 6)),
            (Self::Code, [b'\\', b'n' | b'r' | b't', ..]) => Some((vec![b' '], 2)),
            (Self::Code, [b'\\', escaped, ..]) => Some((vec![*escaped], 2)),
            _ => None,
        }
    }
}

/// Reads the byte that two hexadecimal digits stand for.
fn byte(digits: &[u8]) -> Option<u8> {
    u8::try_from(number(digits.get(..2)?, 16)?).ok()
}

/// Reads the entity of XML at the beginning, as [`read_escape`](Notation::read_escape) does.
fn entity(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    /// The longest number of a character is `&#1114111;`.
    const MAX_LENGTH: usize = 12;
    let end = text.iter().take(MAX_LENGTH).position(|&byte| byte == b';')?;
    let meant = match &text[1..end] {
        b"amp" => b"&".to_vec(),
        b"lt" => b"<".to_vec(),
        b"gt" => b">".to_vec(),
        b"quot" => b"\"".to_vec(),
        b"apos" => b"'".to_vec(),
        [b'#', b'x' | b'X', digits @ ..] => character(digits, 16)?,
        [b'#', digits @ ..] => character(digits, 10)?,
        _ => return None,
    };
    Some((meant, end + 1))
}

/// Reads the number of a character, and returns its UTF-8.
fn character(digits: &[u8], radix: u32) -> Option<Vec<u8>> {
    Some(char::from_u32(number(digits, radix)?)?.to_string().into_bytes())
}

/// Reads a number without a sign.
fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let text = std::str::from_utf8(digits).ok()?;
    let all_digits = text.chars().all(|digit| digit.is_digit(radix));
    all_digits.then(|| u32::from_str_radix(text, radix).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_layer_of_escapes_is_resolved() {
        use Notation::{Code, Url, Xml};
        for (notation, escaped, plain) in [
            (Url, "a%40b%c3%A9", "a@b\u{e9}"),
            (Url, "%2540 &amp; 100% %4 %+1", "%40 &amp; 100% %4 %+1"),
            (Xml, "&lt;&gt;&amp;&quot;&apos;&#64;&#x40;&#X40;", "<>&\"'@@@"),
            (Xml, "& &#; &#x110000; &unknown; %40", "& &#; &#x110000; &unknown; %40"),
            (Code, "\\x40\\u0040\\'\\\\\\n.", "@@'\\ ."),
            (Code, "\\x4 \\u00 \\", "\\x4 \\u00 \\"),
        ] {
            assert_eq!(notation.unescape(escaped), plain, "{escaped}");
        }
    }

    #[test]
    fn blanks_and_padding_do_not_count() {
        assert_eq!(without_blanks("a b\n+c\u{a0}=="), "abc");
    }
}
