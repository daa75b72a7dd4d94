//! ACCESS: the file whose first line is `user:password`.
//!
//! The format is that of Zope's `access` file, but with the password in plain text. User and password
//! may be any bytes. They never go into a message.

use std::fmt;
use std::path::Path;

use dsnap_core::{Reason, text};

use crate::limits::MAX_ACCESS_LINE;
use crate::system::named_file;

/// A user and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The user: at least one byte.
    pub user: Vec<u8>,
    /// The password, which may be empty.
    pub password: Vec<u8>,
}

/// Shows neither user nor password.
impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Account")
    }
}

impl Account {
    /// Reads the first line of the file at `path`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or its first line does not contain a user and a password in plain
    /// text. The text names the path and never quotes the line.
    pub fn read(path: &Path) -> Result<Self, Reason> {
        let longest = BYTE_ORDER_MARK.len() + MAX_ACCESS_LINE + 1;
        let bytes = named_file::read_beginning(path, longest)?;
        let (user, password) = parse(&bytes).map_err(|flaw| flaw.reason(path))?;
        Ok(Self { user: user.to_vec(), password: password.to_vec() })
    }
}

/// What is wrong with the first line of an access file.
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
    fn reason(self, path: &Path) -> Reason {
        let flaw = match self {
            Self::Empty => "is empty",
            Self::TooLong => &format!("has a first line of more than {MAX_ACCESS_LINE} bytes"),
            Self::Nul => "has a NUL byte in its first line",
            Self::NoColon => "has no colon in its first line",
            Self::NoUser => "names no user before the colon of its first line",
            Self::Encrypted => "contains an encrypted password, which cannot be sent to a server",
        };
        Reason::new(format!("the access file {} {flaw}", text::path(path))).hint(match self {
            Self::Encrypted => "write the password in plain text after `user:`, and make the file readable only by its owner (chmod 600)",
            _ => "write user:password in the first line",
        })
    }
}

/// What some editors write at the beginning of a file; it is no part of the user's name.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Takes user and password from the first line, without the white space around them.
fn parse(bytes: &[u8]) -> Result<(&[u8], &[u8]), Flaw> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if bytes.is_empty() {
        return Err(Flaw::Empty);
    }
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    if line.len() > MAX_ACCESS_LINE {
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

/// The encryption schemes that some version of Zope or of its password managers knows.
const ENCRYPTION_SCHEMES: [&str; 9] =
    ["SSHA", "SHA", "SHA256", "CRYPT", "MYSQL", "BCRYPT", "PBKDF2", "PBKDF2-SHA256", "SMD5"];

/// Says whether a password begins with the name of an encryption scheme, as in `{SSHA}…`. Any other
/// word in braces may be part of a password in plain text.
fn is_encrypted(password: &[u8]) -> bool {
    let Some(rest) = password.strip_prefix(b"{") else { return false };
    let Some(end) = rest.iter().position(|&byte| byte == b'}') else { return false };
    ENCRYPTION_SCHEMES.iter().any(|known| rest[..end].eq_ignore_ascii_case(known.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::PathBuf;

    use proptest::collection::vec;
    use proptest::prelude::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }
        fn path(&self) -> PathBuf {
            self.0.path().join("access")
        }
        fn read(&self, content: impl AsRef<[u8]>) -> Result<Account, Reason> {
            fs::write(self.path(), content).unwrap();
            Account::read(&self.path())
        }
    }

    #[test]
    fn the_first_line_contains_user_and_password() {
        for (content, sent) in [
            (&b"admin:secret"[..], &b"admin:secret"[..]),
            (b"admin:secret\nother:line\n", b"admin:secret"),
            (b"  admin\t: sec ret \r\n", b"admin:sec ret"),
            (b"admin:secret:domain\n", b"admin:secret"),
            (b"admin:\n", b"admin:"),
            (b"\xe4dmin:s\xfecret\n", b"\xe4dmin:s\xfecret"),
            (b"admin:{}x", b"admin:{}x"),
            (b"admin:{no scheme}x", b"admin:{no scheme}x"),
            (b"admin:{secret}x", b"admin:{secret}x"),
            (b"admin:secret\n\0", b"admin:secret"),
            (b"\xef\xbb\xbfadmin:secret\r\n", b"admin:secret"),
        ] {
            let Account { user, password } = Folder::new().read(content).unwrap();
            assert_eq!([&*user, b":", &*password].concat(), sent);
        }
    }

    #[test]
    fn a_malformed_first_line_is_refused_and_never_quoted() {
        for (content, flaw) in [
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
            let reason = folder.read(&content).unwrap_err();
            let path = folder.path();
            assert_eq!(reason.text(), format!("the access file {} {flaw}", path.display()));
            assert_eq!(reason.hints(), ["write user:password in the first line"]);
        }
    }

    #[test]
    fn a_line_of_4096_bytes_is_not_too_long() {
        let line = [b"a:".to_vec(), vec![b's'; 4094], b"\n".to_vec()].concat();
        assert!(Folder::new().read(&line).is_ok());
        assert!(Folder::new().read([BYTE_ORDER_MARK, &line].concat()).is_ok());
    }

    #[test]
    fn an_encrypted_password_is_refused() {
        for scheme in
            ["{SHA}", "{SSHA}", "{CRYPT}", "{sha}", "{PBKDF2-SHA256}", "{MySQL}", " {SHA}"]
        {
            let reason = Folder::new().read(format!("admin:{scheme}c2VjcmV0")).unwrap_err();
            assert!(reason.text().ends_with("cannot be sent to a server"), "{reason}");
            assert!(!reason.to_string().contains("c2VjcmV0"), "{reason}");
        }
    }

    #[test]
    fn the_path_of_a_missing_file_is_shown() {
        let path = Folder::new().path();
        let reason = Account::read(&path).unwrap_err();
        let begin = format!("{} cannot be read: No such file", path.display());
        assert!(reason.text().starts_with(&begin), "{reason}");
    }

    #[test]
    fn a_folder_a_device_and_a_pipe_are_refused_at_once() {
        let folder = Folder::new();
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, folder.path(), mode).unwrap();
        for path in [&folder.path(), folder.0.path(), Path::new("/dev/zero")] {
            let reason = Account::read(path).unwrap_err();
            let text = format!("{} cannot be read: it is not a regular file", path.display());
            assert_eq!(reason.text(), text);
        }
    }

    #[test]
    fn the_debug_output_of_an_account_contains_no_secret() {
        assert_eq!(format!("{:?}", Folder::new().read("admin:secret").unwrap()), "Account");
    }

    /// Words without a colon, and without white space around them.
    fn field() -> impl Strategy<Value = Vec<u8>> {
        let letter = any::<u8>().prop_filter("no separator", |byte| !b":\n\0".contains(byte));
        vec(letter, 1..20).prop_map(|word| word.trim_ascii().to_vec())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_well_formed_pair_reads_back(
            (mark, user, password) in (any::<bool>(), field(), field()),
            blanks in "[ \t\r]{0,3}",
            rest in "(:[^\0\n]{0,9})?(\n\\PC{0,9})?",
        ) {
            prop_assume!(!user.is_empty() && !is_encrypted(&password));
            prop_assume!(!user.starts_with(BYTE_ORDER_MARK));
            let (mark, blanks) = (if mark { BYTE_ORDER_MARK } else { b"" }, blanks.as_bytes());
            let line = [mark, blanks, &user, blanks, b":", blanks, &password, blanks, rest.as_bytes()];
            let line = line.concat();
            prop_assert_eq!(parse(&line), Ok((&*user, &*password)));
        }

        #[test]
        fn of_any_content_only_the_first_line_counts_and_no_flaw_quotes_it(
            content in vec(any::<u8>(), 0..64),
            at in 0..64_usize,
            more in vec(any::<u8>(), 0..64),
        ) {
            let (before, after) = content.split_at(at.min(content.len()));
            let content = [before, b"SECRET", after].concat();
            let followed = [&*content, b"\n", &*more].concat();
            prop_assert_eq!(parse(&content), parse(&followed));
            match parse(&content) {
                Ok((user, password)) => {
                    prop_assert!(!user.is_empty());
                    prop_assert!(![user, password].concat().iter().any(|byte| b":\n\0".contains(byte)));
                }
                Err(flaw) => {
                    let reason = flaw.reason(Path::new("/srv/access")).to_string();
                    prop_assert!(!reason.contains("SECRET"), "{}", reason);
                }
            }
        }
    }
}
