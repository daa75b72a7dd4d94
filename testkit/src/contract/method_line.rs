//! The line that calls a method, with placeholders for what is the simulated site's.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use dsnap_engine::conf::grammar;

use crate::Site;
use crate::control::Control;

/// The words of a line, placeholders included; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(Vec<OsString>);

impl Words {
    /// Reads them: one is a whole line as in `snapshot.conf`, several are words already.
    ///
    /// # Errors
    ///
    /// There are none, or what stands in braces is no placeholder that there is.
    pub fn read(words: &[OsString]) -> Result<Self, String> {
        let words = match words {
            [line] => {
                grammar::line(line.as_bytes(), 1).map_or(Ok(Vec::new()), |line| line.words)?
            }
            words => words.to_vec(),
        };
        if words.is_empty() {
            return Err("a method is named by the first word, and there is none".to_owned());
        }
        if words.iter().any(|word| find(word.as_bytes(), b"{zeo}").is_some()) {
            return Err("{zeo} does not exist yet: no ZEO server is simulated".to_owned());
        }
        Ok(Self(words))
    }

    /// The method's name.
    pub(super) fn name(&self) -> &OsStr {
        &self.0[0]
    }

    /// The words after the name, with what they stand for at that site.
    pub(super) fn on(&self, site: &Site, control: &Control) -> Vec<OsString> {
        let url = site.urls().into_iter().next().unwrap_or_default();
        let places = [
            ("{storage}", site.path().as_os_str().to_owned()),
            ("{url}", url.into()),
            ("{access}", site.access().into_os_string()),
            ("{control}", control.address().to_string().into()),
        ];
        let filled = |word: &OsString| {
            let filled = places.iter().fold(word.as_bytes().to_vec(), |word, (name, value)| {
                replace(&word, name.as_bytes(), value.as_bytes())
            });
            OsString::from_vec(filled)
        };
        self.0[1..].iter().map(filled).collect()
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn replace(text: &[u8], name: &[u8], value: &[u8]) -> Vec<u8> {
    match find(text, name) {
        Some(at) => [&text[..at], value, &replace(&text[at + name.len()..], name, value)].concat(),
        None => text.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Words, String> {
        Words::read(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn one_word_is_a_line_and_several_are_words() {
        let words = |words: &[&str]| Ok(Words(words.iter().map(OsString::from).collect()));
        assert_eq!(read(&["exec './my script' x # why"]), words(&["exec", "./my script", "x"]));
        assert_eq!(read(&["exec", "./my script"]), words(&["exec", "./my script"]));
        assert!(read(&["  # nothing"]).is_err());
        assert!(read(&["zeo {zeo}"]).unwrap_err().starts_with("{zeo} does not exist yet"));
    }

    #[test]
    fn a_placeholder_may_stand_anywhere_and_often() {
        assert_eq!(replace(b"a{x}b{x}{y}", b"{x}", b"{x}1"), b"a{x}1b{x}1{y}");
    }
}
