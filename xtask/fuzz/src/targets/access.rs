//! ACCESS: the file with user and password.

use std::fs;
use std::path::PathBuf;

use dsnap_engine::server::access_file::Account;

use super::storage::Site;
use crate::shown::check_reason;
use crate::target::Target;

pub(crate) const TARGET: Target = Target {
    name: "access",
    property: "ACCESS: user and password read back, and no message depends on them",
    check,
    longest: 256,
};

thread_local! {
    static FILE: (Site, PathBuf) = {
        let site = Site::new();
        let path = site.dir().join("config/access");
        (site, path)
    };
}

fn check(bytes: &[u8]) {
    match read(bytes) {
        Ok(account) => check_account(bytes, &account),
        Err(text) => {
            let other = bytes.iter().map(|byte| if byte.is_ascii_digit() { b'x' } else { *byte });
            let other = read(&other.collect::<Vec<_>>()).err();
            // In a message, digits appear only in the name of a scheme: `{SHA256}`.
            assert!(text.contains("encrypted") || other == Some(text), "digits change the message");
        }
    }
}

/// Reads a file with this content; the error is the message.
fn read(bytes: &[u8]) -> Result<Account, String> {
    FILE.with(|(_, path)| {
        fs::write(path, bytes).unwrap();
        Account::read(path).map_err(|reason| {
            check_reason(&reason);
            let shown = path.display().to_string();
            let text = reason.to_string().replace(&shown, "");
            assert!(text.starts_with("the access file  "), "{text}");
            text
        })
    })
}

fn check_account(bytes: &[u8], account: &Account) {
    let Account { user, password } = account;
    assert!(!user.is_empty() && !user.contains(&b':') && !password.contains(&b':'));
    for part in [user, password] {
        assert!(!part.contains(&0) && !part.contains(&b'\n') && part.trim_ascii() == part);
    }
    let line = [user, &b":"[..], password].concat();
    // At the beginning of a file, it is no part of a user's name.
    if !line.starts_with(b"\xef\xbb\xbf") {
        assert_eq!(read(&line).as_ref(), Ok(account), "user and password read back");
    }
    let later = [bytes, b"\nother:line\n"].concat();
    // Otherwise the last line would become longer.
    if bytes.contains(&b'\n') || bytes.ends_with(b":") {
        assert_eq!(read(&later).as_ref(), Ok(account), "only the first line counts");
    }
    assert_eq!(format!("{account:?}"), "Account");
}
