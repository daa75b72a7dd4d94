//! ACCESS: the file whose first line is `user:password`.
//!
//! The format is that of Zope's `access` file, with the password readable. What it holds is
//! bytes, goes into one header, and is never part of a message.

use std::fmt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dsnap_core::{Reason, text};
use reqwest::header::HeaderValue;

use crate::file;

/// A longer first line is none that somebody wrote.
const LONGEST: usize = 4096;

/// Who asks: user and password.
pub(crate) struct Credentials {
    header: HeaderValue,
}

/// Shows nothing.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

impl Credentials {
    /// Reads the first line of the file.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or its first line does not hold a user and a readable password.
    /// The line itself is no part of the text.
    pub(crate) fn read(path: &Path) -> Result<Self, Reason> {
        let bytes = file::beginning(path, LONGEST + 1)?;
        let (user, password) = parse(&bytes).map_err(|flaw| flaw.refusal(path))?;
        let encoded = STANDARD.encode([user, b":", password].concat());
        // Base64 always fits into a header.
        let mut header = HeaderValue::try_from(format!("Basic {encoded}"))
            .map_err(|_| Flaw::NoColon.refusal(path))?;
        header.set_sensitive(true);
        Ok(Self { header })
    }

    /// The value of the header `Authorization`.
    pub(crate) fn header(&self) -> HeaderValue {
        self.header.clone()
    }
}

/// What is wrong with a first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    Empty,
    TooLong,
    Nul,
    NoColon,
    NoUser,
    Encrypted,
}

impl Flaw {
    fn refusal(self, path: &Path) -> Reason {
        let what = match self {
            Self::Empty => "is empty",
            Self::TooLong => "has a first line of more than 4096 bytes",
            Self::Nul => "has a NUL byte in its first line",
            Self::NoColon => "has no colon in its first line",
            Self::NoUser => "names no user before the colon of its first line",
            Self::Encrypted => "holds an encrypted password, which cannot be sent to a server",
        };
        let refusal = Reason::new(format!("the access file {} {what}", text::path(path)));
        refusal.hint(match self {
            Self::Encrypted => "write the password itself behind `user:`, and keep others from reading the file (chmod 600)",
            _ => "the first line must be user:password",
        })
    }
}

/// User and password of a first line: bytes as they are, without the white space around them.
fn parse(bytes: &[u8]) -> Result<(&[u8], &[u8]), Flaw> {
    if bytes.is_empty() {
        return Err(Flaw::Empty);
    }
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    if line.len() > LONGEST {
        return Err(Flaw::TooLong);
    }
    if line.contains(&0) {
        return Err(Flaw::Nul);
    }
    let mut fields = line.split(|&byte| byte == b':').map(<[u8]>::trim_ascii);
    match (fields.next(), fields.next()) {
        (_, None) => Err(Flaw::NoColon),
        (None | Some(b""), _) => Err(Flaw::NoUser),
        (_, Some(password)) if is_encrypted(password) => Err(Flaw::Encrypted),
        (Some(user), Some(password)) => Ok((user, password)),
    }
}

/// `{SHA}…`, `{SSHA}…`, `{CRYPT}…`: Zope knows these, and whatever its schemes are called.
fn is_encrypted(password: &[u8]) -> bool {
    let Some(rest) = password.strip_prefix(b"{") else { return false };
    let scheme = rest.split(|&byte| byte == b'}').next().unwrap_or_default();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    !scheme.is_empty() && scheme.len() < rest.len() && scheme.iter().all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::PathBuf;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }
        fn path(&self) -> PathBuf {
            self.0.path().join("access")
        }
        fn read(&self, content: impl AsRef<[u8]>) -> Result<Credentials, Reason> {
            fs::write(self.path(), content).unwrap();
            Credentials::read(&self.path())
        }
    }

    #[test]
    fn the_first_line_is_user_and_password() {
        for (content, sent) in [
            (&b"admin:secret"[..], &b"admin:secret"[..]),
            (b"admin:secret\nother:line\n", b"admin:secret"),
            (b"  admin\t: sec ret \r\n", b"admin:sec ret"),
            (b"admin:secret:domain\n", b"admin:secret"),
            (b"admin:\n", b"admin:"),
            (b"\xe4dmin:s\xfecret\n", b"\xe4dmin:s\xfecret"),
            (b"admin:{}x", b"admin:{}x"),
            (b"admin:{no scheme}x", b"admin:{no scheme}x"),
            (b"admin:secret\n\0", b"admin:secret"),
        ] {
            let header = Folder::new().read(content).unwrap().header();
            assert_eq!(header.to_str().unwrap(), format!("Basic {}", STANDARD.encode(sent)));
        }
    }

    #[test]
    fn a_first_line_that_is_none_is_refused_and_never_quoted() {
        for (content, what) in [
            (b"".to_vec(), "is empty"),
            (b"secret\n".to_vec(), "has no colon in its first line"),
            (b"\nadmin:secret\n".to_vec(), "has no colon in its first line"),
            (b" :secret\n".to_vec(), "names no user before the colon of its first line"),
            (b"admin:sec\0ret\n".to_vec(), "has a NUL byte in its first line"),
            (
                [b"a:".to_vec(), vec![b's'; 4095]].concat(),
                "has a first line of more than 4096 bytes",
            ),
        ] {
            let folder = Folder::new();
            let refusal = folder.read(&content).unwrap_err();
            let path = folder.path();
            assert_eq!(refusal.text(), format!("the access file {} {what}", path.display()));
            assert_eq!(refusal.hints(), ["the first line must be user:password"]);
        }
    }

    #[test]
    fn a_line_of_4096_bytes_is_not_too_long() {
        let line = [b"a:".to_vec(), vec![b's'; 4094], b"\n".to_vec()].concat();
        assert!(Folder::new().read(line).is_ok());
    }

    #[test]
    fn an_encrypted_password_is_refused_with_the_reason() {
        for scheme in ["{SHA}", "{SSHA}", "{CRYPT}", "{sha}", "{PBKDF2-SHA256}", " {SHA}"] {
            let refusal = Folder::new().read(format!("admin:{scheme}c2VjcmV0")).unwrap_err();
            assert!(refusal.text().ends_with("cannot be sent to a server"), "{refusal}");
            assert!(!refusal.to_string().contains("c2VjcmV0"), "{refusal}");
        }
    }

    #[test]
    fn a_missing_file_is_refused_by_its_path() {
        let path = Folder::new().path();
        let refusal = Credentials::read(&path).unwrap_err();
        let begin = format!("{} cannot be read: No such file", path.display());
        assert!(refusal.text().starts_with(&begin), "{refusal}");
    }

    #[test]
    fn a_folder_a_device_and_a_pipe_are_refused_without_waiting() {
        let folder = Folder::new();
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, folder.path(), mode).unwrap();
        for path in [&folder.path(), folder.0.path(), Path::new("/dev/zero")] {
            let refusal = Credentials::read(path).unwrap_err();
            let text = format!("{} cannot be read: it is not a regular file", path.display());
            assert_eq!(refusal.text(), text);
        }
    }

    #[test]
    fn credentials_show_nothing_of_themselves() {
        let credentials = Folder::new().read("admin:secret").unwrap();
        assert_eq!(format!("{credentials:?}"), "Credentials");
        assert!(!format!("{:?}", credentials.header()).contains("YWRtaW4"));
    }
}
