//! The user and password that authorise a call: one header, and never a message.
//!
//! `dsnap_engine::server::access_file` reads them.

use std::fmt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dsnap_core::Reason;
use dsnap_engine::server::access_file::Account;
use reqwest::header::HeaderValue;

use crate::secrets::Secrets;

/// The user and password that authorise a call.
pub(crate) struct Credentials {
    header: HeaderValue,
    secrets: Secrets,
}

/// Shows neither user nor password.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

impl Credentials {
    /// Reads the access file at `path`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is not an access file.
    pub(crate) fn read(path: &Path) -> Result<Self, Reason> {
        Account::read(path).map(|account| Self::of(&account))
    }

    fn of(account: &Account) -> Self {
        let Account { user, password } = account;
        let encoded = STANDARD.encode([user, &b":"[..], password].concat());
        // Every byte of Base64 is valid in a header, so this conversion does not fail.
        let mut header = HeaderValue::try_from(format!("Basic {encoded}"))
            .unwrap_or(HeaderValue::from_static("Basic"));
        header.set_sensitive(true);
        Self { header, secrets: Secrets::new(user, password) }
    }

    /// Returns the value of the `Authorization` header.
    pub(crate) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// Returns what no message may repeat.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(user: &[u8], password: &[u8]) -> Credentials {
        Credentials::of(&Account { user: user.to_vec(), password: password.to_vec() })
    }

    #[test]
    fn the_header_contains_user_and_password_in_base64() {
        for (user, password) in [(&b"admin"[..], &b"sec ret"[..]), (b"\xe4dmin", b"s\xfecret")] {
            let header = credentials(user, password).header();
            let pair = STANDARD.encode([user, b":", password].concat());
            assert_eq!(header.to_str().unwrap(), format!("Basic {pair}"));
        }
    }

    #[test]
    fn the_debug_output_of_credentials_contains_no_secret() {
        let credentials = credentials(b"admin", b"secret");
        assert_eq!(format!("{credentials:?}"), "Credentials");
        assert!(!format!("{:?}", credentials.header()).contains("YWRtaW4"));
    }
}
