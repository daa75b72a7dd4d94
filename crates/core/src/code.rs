//! The snapshot code: the name under which a run enters, so that its snapshot can be told from
//! every other one.
//!
//! Making a new code is `dsnap_engine::run::new_code`.

use std::fmt;

/// The longest snapshot code, in bytes: servers write it into messages and into `misc/snapshot`.
pub const MAX_CODE: usize = 64;

/// A snapshot code, without the `user/` that the server puts before it.
///
/// It is 1 to 64 printable ASCII characters without a blank. With anything else, a real server
/// ends up in a broken snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Code(String);

impl Code {
    /// Reads a code from outside and drops a leading `user/`; `None` if the rest is not a code.
    pub fn from_bytes(code: &[u8]) -> Option<Self> {
        let code = code.strip_prefix(b"user/").unwrap_or(code);
        let valid = (1..=MAX_CODE).contains(&code.len()) && code.iter().all(u8::is_ascii_graphic);
        let code = std::str::from_utf8(code).ok()?;
        valid.then(|| Self(code.to_owned()))
    }

    /// Reads a code that this program wrote to a file earlier; `None` if it never makes such a code.
    ///
    /// Other users may be able to change the file, and scripts build paths and commands from a code.
    /// So it must consist of ASCII letters, digits, `.`, `_` and `-`, and begin with a letter or
    /// digit.
    pub fn from_file(code: &[u8]) -> Option<Self> {
        let inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        let made_here =
            code.first().is_some_and(u8::is_ascii_alphanumeric) && code.iter().all(inner);
        if made_here { Self::from_bytes(code) } else { None }
    }

    /// Returns the code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_from_outside_are_taken_with_and_without_user() {
        assert_eq!(Code::from_bytes(b"user/a-1"), Code::from_bytes(b"a-1"));
        for wrong in [&b""[..], b"user/", b"a b", b"a\xff", &[b'x'; 65]] {
            assert_eq!(Code::from_bytes(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_code_from_a_file_has_only_characters_that_mean_nothing_to_a_shell_or_in_a_path() {
        assert_eq!(Code::from_file(b"db_1.x-7-y"), Code::from_bytes(b"db_1.x-7-y"));
        for wrong in [
            &b""[..],
            b"-rf",
            b".",
            b"..",
            b"_x",
            b"a/b",
            b"../../etc/x",
            b"user/a-1",
            b"a b",
            b"a;id",
            b"a$x",
            b"a`id`",
            b"a'",
            b"a*",
            b"a\n",
            b"a\xff",
            &[b'x'; 65],
        ] {
            assert_eq!(Code::from_file(wrong), None, "{wrong:?}");
        }
    }
}
