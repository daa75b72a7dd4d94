//! The words of a conf line: `zeo ADDRESS [STORAGE [ACCESS [realm=NAME]]]`.
//!
//! ACCESS is a file or `credential:NAME`, which `dsnap_engine::system::credential_folder` resolves.
//! `dsnap_engine::conf` has removed a last word `timeout=` already. `address` checks ADDRESS.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use dsnap_core::Reason;
use dsnap_core::method::{CheckedLine, Request};
use dsnap_core::text::Harmless;
use dsnap_engine::system::credential_folder::CredentialFolder;

use crate::address::{self, Address};

/// What a ZEO server and its clients call a storage whose section has no name.
const DEFAULT_STORAGE: &str = "1";

/// A line's words, with absolute paths.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) address: Address,
    /// The address, for messages.
    pub(crate) shown: String,
    /// The name of the storage's section in the server's configuration.
    pub(crate) storage: Vec<u8>,
    /// The file that contains user and password.
    pub(crate) access: Option<PathBuf>,
    /// What helps if that file cannot be read.
    access_hint: Option<String>,
    /// The realm in which the server must ask for the password.
    pub(crate) realm: Option<Vec<u8>>,
}

impl Line {
    /// Reads the words of a request.
    ///
    /// # Errors
    ///
    /// There are too few or too many words, ADDRESS is unusable, or the line may not use its credential.
    pub(crate) fn read(
        request: &Request<'_>,
        credentials: &CredentialFolder,
    ) -> Result<Self, Reason> {
        let words = Words::split(request.words)?;
        let access = words.access.map(|word| credentials.usable_file(word)).transpose()?;
        Ok(Self {
            address: Address::read(words.address, request.conf_folder)?,
            shown: address::shown(words.address),
            storage: words.storage.as_bytes().to_vec(),
            access: access.map(|file| request.conf_folder.join(file)),
            access_hint: words.access.and_then(CredentialFolder::hint),
            realm: words.realm.map(<[u8]>::to_vec),
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Words<'a> {
    address: &'a OsStr,
    storage: &'a OsStr,
    access: Option<&'a OsStr>,
    realm: Option<&'a [u8]>,
}

impl<'a> Words<'a> {
    /// Takes the words apart. Extra words may be a password in the wrong place, so they are not
    /// shown.
    fn split(words: &'a [OsString]) -> Result<Self, Reason> {
        let (words, realm) = match words {
            [first @ .., last] => match last.as_bytes().strip_prefix(b"realm=") {
                Some(realm) => (first, Some(realm)),
                None => (words, None),
            },
            [] => (words, None),
        };
        let storage = OsStr::new(DEFAULT_STORAGE);
        let (address, storage, access): (&OsStr, &OsStr, Option<&OsStr>) = match words {
            [address] => (address, storage, None),
            [address, storage] => (address, storage, None),
            [address, storage, access] => (address, storage, Some(access)),
            [] => return Err(Reason::new("`zeo` needs the address of a ZEO server")),
            _ => {
                return Err(Reason::new(
                    "`zeo` takes an address, a storage, an access file and realm=NAME, no more",
                ));
            }
        };
        if storage.is_empty() || access.is_some_and(OsStr::is_empty) {
            return Err(Reason::new("a word of the line is empty"));
        }
        if realm.is_some() && access.is_none() {
            return Err(Reason::new("`realm=` is only for a line with an access file"));
        }
        Ok(Self { address, storage, access, realm })
    }

    /// Names the line in messages.
    fn label(self) -> String {
        let address = address::shown(self.address);
        if self.storage == DEFAULT_STORAGE {
            return format!("zeo {address}");
        }
        format!("zeo {address} {}", Harmless(self.storage.as_bytes()))
    }
}

/// Checks that these words can follow `zeo`. The file of the line is ACCESS.
pub(crate) fn check(
    words: &[OsString],
    credentials: &CredentialFolder,
) -> Result<CheckedLine, Reason> {
    let words = Words::split(words)?;
    Address::read(words.address, Path::new("/"))?;
    let access = words.access.map(|word| credentials.file(word)).transpose();
    let reads: Vec<_> = access.map_err(Reason::new)?.flatten().into_iter().collect();
    let names_relative_files = reads.iter().any(|file| file.is_relative())
        || address::is_path(words.address) && Path::new(words.address).is_relative();
    Ok(CheckedLine { label: Some(words.label()), names_relative_files, reads })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &[OsString]) -> Result<CheckedLine, Reason> {
        super::check(words, &CredentialFolder::default())
    }

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_storage_of_a_section_without_a_name_is_the_default() {
        let words = words("localhost:8100");
        assert_eq!(Words::split(&words).unwrap().storage, "1");
    }

    #[test]
    fn address_storage_access_file_and_realm_are_the_words() {
        let words = words("localhost:8100 main access realm=ds");
        let split = Words::split(&words).unwrap();
        assert_eq!((split.storage, split.access), ("main".as_ref(), Some("access".as_ref())));
        assert_eq!(split.realm, Some(&b"ds"[..]));
    }

    #[test]
    fn anything_else_is_malformed_and_extra_words_are_not_shown() {
        assert!(check(&[]).is_err());
        for wrong in [
            "a",
            "a:1 ",
            "a:1 1 ",
            "a:1 1 x sekrit",
            "a:1 1 x y realm=z",
            "a:1 realm=x",
            "a:1 1 realm=x",
        ] {
            let reason = check(&words(wrong)).unwrap_err().to_string();
            assert!(!reason.contains("sekrit"), "{reason}");
        }
    }

    #[test]
    fn files_are_relative_unless_both_begin_at_the_root() {
        for (line, relative) in [
            ("a:1", false),
            ("a:1 main", false),
            ("a:1 1 /access", false),
            ("/zeo.sock 1 /access", false),
            ("a:1 1 access", true),
            ("./zeo.sock", true),
        ] {
            assert_eq!(check(&words(line)).unwrap().names_relative_files, relative, "{line}");
        }
    }

    #[test]
    fn messages_name_a_line_by_its_address_and_its_storage() {
        for (line, label) in [
            ("a:1", "zeo a:1"),
            ("a:1 1 /access", "zeo a:1"),
            ("/z.sock main access", "zeo /z.sock main"),
        ] {
            assert_eq!(check(&words(line)).unwrap().label.unwrap(), label);
        }
    }

    #[test]
    fn a_credential_is_no_relative_file_and_is_read_in_its_folder() {
        let folder = CredentialFolder::new(Some("/run/credentials/x".into()));
        let checked = super::check(&words("a:1 main credential:zeo"), &folder).unwrap();
        assert_eq!(checked.reads, [PathBuf::from("/run/credentials/x/zeo")]);
        assert!(!checked.names_relative_files);
        assert!(super::check(&words("a:1 main credential:../zeo"), &folder).is_err());
    }
}
