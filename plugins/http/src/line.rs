//! The words of a conf line: `http URL ACCESS [ca=FILE]`.
//!
//! `dsnap_engine::conf` has removed a last word `timeout=` already. `address` checks the URL, and
//! `access` and `tls` read the files.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use dsnap_core::Reason;
use dsnap_core::method::Request;
use dsnap_engine::conf::grammar;

use crate::address::{self, Address};

/// A line's words, with absolute paths.
#[derive(Debug)]
pub(crate) struct Line {
    /// The URL of the toolkit object.
    pub(crate) address: Address,
    /// The file that contains user and password.
    pub(crate) access: PathBuf,
    /// The file of certificate authorities to trust instead of the machine's.
    pub(crate) ca: Option<PathBuf>,
}

impl Line {
    /// Reads the words of a request.
    ///
    /// # Errors
    ///
    /// There are too few or too many words, the URL is unusable, or `ca=` follows an `http://` URL.
    pub(crate) fn read(request: &Request<'_>) -> Result<Self, Reason> {
        let (url, access, ca) = split(request.words).map_err(Reason::new)?;
        let address = Address::read(url)?;
        if ca.is_some() && !address.is_https() {
            // A user who names an authority does not want to send the password unencrypted.
            let text = format!("ca=FILE is only for https://, but the URL is {}", address.shown());
            return Err(Reason::new(text).hint("correct the URL, or remove ca=FILE from the line"));
        }
        let in_folder = |name: &OsStr| request.conf_folder.join(name);
        Ok(Self { address, access: in_folder(access), ca: ca.map(in_folder) })
    }
}

/// Splits the words into URL, ACCESS and the file of `ca=`.
fn split(words: &[OsString]) -> Result<(&OsStr, &OsStr, Option<&OsStr>), String> {
    match words {
        [url, access] => Ok((url, access, None)),
        [url, access, third] => match third.as_bytes().strip_prefix(b"ca=") {
            Some(b"") => Err("`ca=` names no file".to_owned()),
            Some(file) => Ok((url, access, Some(OsStr::from_bytes(file)))),
            // The extra word may be a password in the wrong place, so it is not shown.
            None => Err("after its URL and access file `http` takes only ca=FILE".to_owned()),
        },
        [] | [_] => Err("`http` needs a URL and an access file".to_owned()),
        _ => Err("`http` takes a URL, an access file and perhaps ca=FILE, no more".to_owned()),
    }
}

/// Whether these words can follow `http`.
pub(crate) fn check(words: &[OsString]) -> Result<(), String> {
    split(words).map(|_| ())
}

/// Whether ACCESS or the file of `ca=` is relative to the conf's folder.
pub(crate) fn names_relative_files(words: &[OsString]) -> bool {
    split(words).is_ok_and(|(_, access, ca)| {
        [Some(access), ca].into_iter().flatten().any(|file| !Path::new(file).is_absolute())
    })
}

/// How messages call the line: by its URL.
pub(crate) fn label(line: &str) -> String {
    let words = grammar::line(line.as_bytes(), 1).and_then(|line| line.words.ok());
    let url = words.and_then(|words| words.into_iter().nth(1));
    url.map_or_else(|| "http".to_owned(), |url| address::shown(&url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn url_access_file_and_perhaps_ca_are_the_words() {
        assert_eq!(check(&words("http://a/ access")), Ok(()));
        assert_eq!(check(&words("https://a/ access ca=file")), Ok(()));
    }

    #[test]
    fn anything_else_is_malformed() {
        let needs = "`http` needs a URL and an access file";
        assert_eq!(check(&[]), Err(needs.to_owned()));
        assert_eq!(check(&words("http://a/")), Err(needs.to_owned()));
        for wrong in ["http://a/ x ca=", "http://a/ user secret", "http://a/ x ca=y z"] {
            let reason = check(&words(wrong)).unwrap_err();
            assert!(!reason.contains("secret"), "{reason}");
        }
    }

    #[test]
    fn files_are_relative_unless_both_begin_at_the_root() {
        for relative in ["http://a/ access", "http://a/ /access ca=ca.pem", "http://a/ a ca=/b"] {
            assert!(names_relative_files(&words(relative)), "{relative}");
        }
        for absolute in ["http://a/ /access", "http://a/ /access ca=/ca.pem"] {
            assert!(!names_relative_files(&words(absolute)), "{absolute}");
        }
    }

    #[test]
    fn a_line_is_called_by_its_url() {
        let url = "http://localhost:8080/DSToolkit";
        assert_eq!(label(&format!("http {url} access timeout=9")), url);
        assert_eq!(label(&format!("http '{url}' \"my access\"")), url);
        assert_eq!(label("http"), "http");
    }

    #[test]
    fn a_password_in_the_url_is_not_part_of_the_label() {
        assert_eq!(
            label("http http://admin:secret@host/DSToolkit access"),
            "http://host/DSToolkit"
        );
    }
}
