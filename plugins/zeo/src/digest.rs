//! Digest authentication, as ZEO defines it: SHA-1 for the password, and HMAC for each message.
//!
//! The scheme is weak, but no server has a better one: who records an exchange can try passwords
//! against it. The codes of the messages prove that the server knows the password.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};

/// The length of an authentication code, in bytes.
pub(crate) const CODE_LENGTH: usize = 20;

/// What the password becomes: it stands in the server's list of users in this form.
pub(crate) struct PasswordHash(String);

impl PasswordHash {
    /// Hashes a password for one realm.
    pub(crate) fn new(user: &[u8], realm: &[u8], password: &[u8]) -> Self {
        Self(hex(&sha1(&[user, b":", realm, b":", password])))
    }

    /// Answers a challenge.
    pub(crate) fn answer(&self, challenge: &[u8]) -> String {
        hex(&sha1(&[self.0.as_bytes(), b":", challenge]))
    }

    /// Makes the codes of one direction of a connection. Both directions have the same key.
    pub(crate) fn codes(&self, nonce: &[u8]) -> Codes {
        let session = sha1(&[self.0.as_bytes(), b":", nonce]);
        let key = [&session, self.0.as_bytes()].concat();
        // An HMAC takes a key of any length.
        Codes(Hmac::new_from_slice(&key).unwrap_or_else(|_| Hmac::new(&Default::default())))
    }
}

fn sha1(parts: &[&[u8]]) -> [u8; CODE_LENGTH] {
    let mut hash = Sha1::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The authentication codes of one direction. Each covers all messages up to its own.
pub(crate) struct Codes(Hmac<Sha1>);

/// Shows no part of the key.
impl fmt::Debug for Codes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Codes")
    }
}

impl Codes {
    /// Adds a part of a message.
    pub(crate) fn add(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// Returns the code of the message that ends here.
    pub(crate) fn code(&self) -> [u8; CODE_LENGTH] {
        self.0.clone().finalize().into_bytes().into()
    }

    /// Says whether this is the code of the message that ends here, in a time that does not depend
    /// on the code.
    pub(crate) fn accepts(&self, code: &[u8; CODE_LENGTH]) -> bool {
        self.0.clone().verify_slice(code).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGE: &[u8] = b"5db4dac9e531b67d387e200c6ea7dbb42fe3c57d";

    fn backup() -> PasswordHash {
        PasswordHash::new(b"backup", b"ds-realm", b"s3cret")
    }

    #[test]
    fn the_password_of_a_real_exchange_gives_its_hash_and_its_answer() {
        assert_eq!(backup().0, "3d2d2867bd434f5197a2f97011ff9e4674ca8c7a");
        assert_eq!(backup().answer(CHALLENGE), "0ebe29094daa3f46ec58351fdb38186f9b7f2e2d");
    }

    #[test]
    fn the_messages_of_a_real_exchange_have_its_codes() {
        let (mut sent, mut received) = (backup().codes(CHALLENGE), backup().codes(CHALLENGE));
        sent.add(b"(J\x04\0\0\0K\0U\x08register(U\x011K\x01tt.");
        assert_eq!(hex(&sent.code()), "40bece5deeb0d26b973ac927e0bf188348429920");
        sent.add(b"(J\x05\0\0\0K\0U\x13getExtensionMethods)t.");
        assert_eq!(hex(&sent.code()), "5900073e1fb4a0d8b2fdd0e98db50baf42306c5e");
        received.add(b"(K\x04K\x00U\x06.replyNt.");
        assert_eq!(hex(&received.code()), "8b82cf667bcbb2c5b4ef62202dc8826b9fa3eb32");
        assert!(received.accepts(&received.code()) && !received.accepts(&sent.code()));
    }
}
