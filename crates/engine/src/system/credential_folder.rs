//! Credentials of a systemd service: the file that a word `credential:NAME` of a conf line stands for.
//!
//! systemd puts them into a folder of root's or of the service's user, and names it in
//! `$CREDENTIALS_DIRECTORY`. The program reads that variable; a method resolves the words of its lines.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use dsnap_core::{Reason, text};

use crate::system::real_user::is_lowered;

/// What a word begins with that stands for a credential.
const PREFIX: &[u8] = b"credential:";

/// The folder with the credentials of this service, if it has any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialFolder(Option<PathBuf>);

impl CredentialFolder {
    /// Takes the value of `$CREDENTIALS_DIRECTORY`. A relative path is ignored: systemd sets none.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self(folder.filter(|folder| folder.is_absolute()))
    }

    /// Returns the file that a word names: a credential or, for every other word, the file of that
    /// name. `None` if there is no folder. Looks at no file.
    ///
    /// # Errors
    ///
    /// The word stands for a credential, but with no name or with one that leads elsewhere.
    pub fn file(&self, word: &OsStr) -> Result<Option<PathBuf>, String> {
        let Some(name) = name(word) else { return Ok(Some(word.into())) };
        if !is_file_name(name) {
            let word = text::harmless(word);
            return Err(format!("`{word}` names no credential: its name must be one file name"));
        }
        Ok(self.0.as_ref().map(|folder| folder.join(name)))
    }

    /// Returns the file that a word names, for a line with the privileges in effect now.
    ///
    /// # Errors
    ///
    /// The word stands for a credential, and there is no folder, or the line is not root's although
    /// root runs the program: the folder is root's.
    pub fn usable_file(&self, word: &OsStr) -> Result<PathBuf, Reason> {
        let file = self.file(word).map_err(Reason::new)?;
        let shown = text::harmless(word);
        match file {
            Some(_) if name(word).is_some() && is_lowered() => Err(Reason::new(format!(
                "`{shown}` is only for lines with root's privileges"
            ))
            .hint("put the line into a conf that only root can change, and name that with --snapshot-conf; or run dsnap as the storage owner")),
            Some(file) => Ok(file),
            None => Err(Reason::new(format!(
                "`{shown}` cannot be used, because CREDENTIALS_DIRECTORY is not set"
            ))
            .hint(format!("run dsnap in a systemd service with {}", setting(word)))),
        }
    }

    /// Says how a service gets the credential that a word stands for. `None` for every other word.
    pub fn hint(word: &OsStr) -> Option<String> {
        name(word).map(|_| format!("the systemd service needs {}", setting(word)))
    }
}

/// Writes the setting of a systemd service that provides a credential.
fn setting(word: &OsStr) -> String {
    format!("LoadCredential={}:FILE", text::harmless(name(word).unwrap_or_default()))
}

/// Returns the name in a word that stands for a credential.
fn name(word: &OsStr) -> Option<&OsStr> {
    word.as_bytes().strip_prefix(PREFIX).map(OsStr::from_bytes)
}

fn is_file_name(name: &OsStr) -> bool {
    let mut parts = Path::new(name).components();
    let is_one = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
    is_one && !name.as_bytes().contains(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> CredentialFolder {
        CredentialFolder::new(Some("/run/credentials/x".into()))
    }

    #[test]
    fn a_credential_is_a_file_in_the_folder_and_every_other_word_a_file_of_that_name() {
        let file = |word: &str| folder().file(word.as_ref()).unwrap().unwrap();
        assert_eq!(file("credential:zope"), Path::new("/run/credentials/x/zope"));
        for word in ["access", "/access", "./credential:zope", "credential", ""] {
            assert_eq!(file(word), Path::new(word));
        }
    }

    #[test]
    fn the_name_of_a_credential_is_one_file_name() {
        for name in ["", ".", "..", "../zope", "/etc/shadow", "a/b", "zope/"] {
            let error = folder().file(format!("credential:{name}").as_ref()).unwrap_err();
            assert!(error.contains("its name must be one file name"), "{name}: {error}");
        }
    }

    #[test]
    fn without_an_absolute_folder_the_setting_that_makes_one_is_named() {
        for none in [None, Some("relative".into())] {
            let none = CredentialFolder::new(none);
            assert_eq!(none.file("credential:zope".as_ref()), Ok(None));
            let reason = none.usable_file("credential:zope".as_ref()).unwrap_err();
            assert!(reason.text().ends_with("CREDENTIALS_DIRECTORY is not set"), "{reason}");
            assert!(reason.hints()[0].ends_with("LoadCredential=zope:FILE"), "{reason}");
            assert_eq!(none.usable_file("access".as_ref()).unwrap(), Path::new("access"));
        }
    }
}
