//! The words of a conf line: `http URL ACCESS [ca=FILE]`.
//!
//! ACCESS is a file or `credential:NAME`, which `dsnap_engine::system::credential_folder` resolves.
//! `dsnap_engine::conf` has removed a last word `timeout=` already. `address` checks the URL, and
//! `access` and `tls` read the files.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use dsnap_core::Reason;
use dsnap_core::method::{CheckedLine, Request};
use dsnap_engine::system::credential_folder::CredentialFolder;

use crate::address::{self, Address};

/// A line's words, with absolute paths.
#[derive(Debug)]
pub(crate) struct Line {
    /// The URL of the toolkit object.
    pub(crate) address: Address,
    /// The file that contains user and password.
    pub(crate) access: PathBuf,
    /// What helps if that file cannot be read.
    access_hint: Option<String>,
    /// The file of certificate authorities to trust instead of the machine's.
    pub(crate) ca: Option<PathBuf>,
}

impl Line {
    /// Reads the words of a request.
    ///
    /// # Errors
    ///
    /// There are too few or too many words, the URL is unusable, `ca=` follows an `http://` URL, or
    /// the line may not use its credential.
    pub(crate) fn read(
        request: &Request<'_>,
        credentials: &CredentialFolder,
    ) -> Result<Self, Reason> {
        let (url, access, ca) = split(request.words).map_err(Reason::new)?;
        let address = Address::read(url)?;
        if ca.is_some() && !address.is_https() {
            // A user who names an authority does not want to send the password unencrypted.
            let text = format!("ca=FILE is only for https://, but the URL is {}", address.shown());
            return Err(Reason::new(text).hint("correct the URL, or remove ca=FILE from the line"));
        }
        let in_folder = |name: &Path| request.conf_folder.join(name);
        Ok(Self {
            address,
            access: in_folder(&credentials.usable_file(access)?),
            access_hint: CredentialFolder::hint(access),
            ca: ca.map(|name| in_folder(Path::new(name))),
        })
    }

    /// Completes the reason why the access file cannot be read.
    pub(crate) fn without_access(&self, reason: Reason) -> Reason {
        match &self.access_hint {
            Some(hint) if reason.hints().is_empty() => reason.hint(hint),
            _ => reason,
        }
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

/// Checks that these words can follow `http`. Messages name the line by its URL, without a password
/// that may be in it; its files are ACCESS and the file of `ca=`.
pub(crate) fn check(
    words: &[OsString],
    credentials: &CredentialFolder,
) -> Result<CheckedLine, String> {
    let (url, access, ca) = split(words)?;
    let files = [credentials.file(access)?, ca.map(PathBuf::from)];
    let reads: Vec<_> = files.into_iter().flatten().collect();
    let names_relative_files = reads.iter().any(|file| file.is_relative());
    Ok(CheckedLine { label: Some(label(url)), names_relative_files, reads })
}

/// Names a line: by its URL or, if that does not look like one, by the method and the word. Messages
/// begin with the label, so a word alone could look like a message of the program.
fn label(url: &OsStr) -> String {
    let shown = address::shown(url);
    let looks_like_url = ["http://", "https://"].iter().any(|scheme| shown.starts_with(scheme));
    if looks_like_url { shown } else { format!("http {shown}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &[OsString]) -> Result<CheckedLine, String> {
        super::check(words, &CredentialFolder::default())
    }

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn url_access_file_and_perhaps_ca_are_the_words() {
        assert!(check(&words("http://a/ access")).is_ok());
        assert!(check(&words("https://a/ access ca=file")).is_ok());
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
            assert!(check(&words(relative)).unwrap().names_relative_files, "{relative}");
        }
        for absolute in ["http://a/ /access", "http://a/ /access ca=/ca.pem"] {
            assert!(!check(&words(absolute)).unwrap().names_relative_files, "{absolute}");
        }
    }

    #[test]
    fn messages_name_a_line_by_its_url() {
        let url = "http://localhost:8080/DSToolkit";
        assert_eq!(check(&[url.into(), "my access".into()]).unwrap().label.unwrap(), url);
    }

    #[test]
    fn a_password_in_the_url_is_not_part_of_the_label() {
        let checked = check(&words("http://admin:secret@host/DSToolkit access")).unwrap();
        assert_eq!(checked.label.unwrap(), "http://host/DSToolkit");
    }

    #[test]
    fn a_credential_is_no_relative_file_and_is_read_in_its_folder() {
        let folder = CredentialFolder::new(Some("/run/credentials/x".into()));
        let checked = super::check(&words("http://a/ credential:zope"), &folder).unwrap();
        assert_eq!(checked.reads, [PathBuf::from("/run/credentials/x/zope")]);
        assert!(!checked.names_relative_files);
        assert!(super::check(&words("http://a/ credential:../zope"), &folder).is_err());
    }
}
