//! The line that names a method, with placeholders for values of the simulated site.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use dsnap_engine::conf::grammar;

use crate::Site;
use crate::control::Control;

/// The placeholder for the address of the ZEO server.
const ZEO: &str = "{zeo}";

/// The words of a conf line, placeholders included; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodLine(Vec<OsString>);

impl MethodLine {
    /// Parses a conf line: one argument is a whole line as in `snapshot.conf`, several are its
    /// words.
    ///
    /// # Errors
    ///
    /// The line has no words, or is malformed.
    pub fn parse(words: &[OsString]) -> Result<Self, String> {
        let words = match words {
            [line] => {
                grammar::line(line.as_bytes(), 1).map_or(Ok(Vec::new()), |line| line.words)?
            }
            words => words.to_vec(),
        };
        if words.is_empty() {
            return Err("the line is empty: its first word must name a method".to_owned());
        }
        Ok(Self(words))
    }

    /// Returns the method's name.
    pub(super) fn name(&self) -> &OsStr {
        &self.0[0]
    }

    /// Tells whether the line names the address of a ZEO server.
    pub(super) fn needs_zeo(&self) -> bool {
        self.0.iter().any(|word| find(word.as_bytes(), ZEO.as_bytes()).is_some())
    }

    /// Returns the words after the name, with the site's values in place of the placeholders.
    pub(super) fn words_for(&self, site: &Site, control: &Control) -> Vec<OsString> {
        let url = site.urls().into_iter().next().unwrap_or_default();
        let placeholders = [
            ("{storage}", site.path().as_os_str().to_owned()),
            ("{url}", url.into()),
            (ZEO, site.zeo_address().unwrap_or_default().into()),
            ("{access}", site.access().into_os_string()),
            ("{control}", control.address().to_string().into()),
        ];
        let fill_in = |word: &OsString| {
            let word = placeholders.iter().fold(word.as_bytes().to_vec(), |word, (name, value)| {
                replace(&word, name.as_bytes(), value.as_bytes())
            });
            OsString::from_vec(word)
        };
        self.0[1..].iter().map(fill_in).collect()
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

    fn parse(words: &[&str]) -> Result<MethodLine, String> {
        MethodLine::parse(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn one_argument_is_a_line_and_several_are_its_words() {
        let words = |words: &[&str]| Ok(MethodLine(words.iter().map(OsString::from).collect()));
        assert_eq!(parse(&["exec './my script' x # why"]), words(&["exec", "./my script", "x"]));
        assert_eq!(parse(&["exec", "./my script"]), words(&["exec", "./my script"]));
        assert!(parse(&["  # nothing"]).is_err());
    }

    #[test]
    fn a_line_with_the_zeo_placeholder_needs_a_zeo_server() {
        assert!(parse(&["zeo {zeo} 1 {access}"]).unwrap().needs_zeo());
        assert!(!parse(&["http {url} {access}"]).unwrap().needs_zeo());
    }

    #[test]
    fn a_placeholder_is_replaced_wherever_it_occurs() {
        assert_eq!(replace(b"a{x}b{x}{y}", b"{x}", b"{x}1"), b"a{x}1b{x}1{y}");
    }
}
