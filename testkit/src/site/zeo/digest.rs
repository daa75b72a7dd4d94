//! Digest authentication as ZEO defines it: the proof of a password, and the code of each message.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};

use super::version::ZeoAccount;

/// The length of a code.
pub(super) const CODE_LENGTH: usize = 20;

/// The codes of the messages in one direction: each code covers all messages so far.
#[derive(Clone)]
pub(super) struct Codes(Hmac<Sha1>);

impl std::fmt::Debug for Codes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Codes")
    }
}

impl Codes {
    /// Returns the code of the next message.
    pub(super) fn next(&mut self, message: &[u8]) -> [u8; CODE_LENGTH] {
        self.0.update(message);
        self.0.clone().finalize().into_bytes().into()
    }
}

/// Returns the hash of a password, as the database of a server contains it.
fn password_hash(account: &ZeoAccount) -> String {
    hex(format!("{}:{}:{}", account.user, account.realm, account.password).as_bytes())
}

/// Returns the response that proves the password.
pub(super) fn response(account: &ZeoAccount, challenge: &str) -> String {
    hex(format!("{}:{challenge}", password_hash(account)).as_bytes())
}

/// Returns the codes of one direction after a login. A hash of any length makes a key.
pub(super) fn codes(account: &ZeoAccount, nonce: &str) -> Option<Codes> {
    let hash = password_hash(account);
    let key = [&Sha1::digest(format!("{hash}:{nonce}"))[..], hash.as_bytes()].concat();
    Hmac::new_from_slice(&key).ok().map(Codes)
}

/// Makes a challenge that this process did not make before.
pub(super) fn new_challenge() -> String {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let (made, process) = (MADE.fetch_add(1, Ordering::Relaxed), std::process::id());
    hex(format!("{process} {made} {:?}", SystemTime::now()).as_bytes())
}

/// Returns the digest of a text, in lower-case hexadecimal digits.
fn hex(text: &[u8]) -> String {
    Sha1::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded with a real server.
    #[test]
    fn a_recorded_login_gives_the_recorded_response_and_codes() {
        let account = ZeoAccount {
            user: "backup".into(),
            password: "s3cret".into(),
            realm: "ds-realm".into(),
        };
        let challenge = "5db4dac9e531b67d387e200c6ea7dbb42fe3c57d";
        assert_eq!(password_hash(&account), "3d2d2867bd434f5197a2f97011ff9e4674ca8c7a");
        assert_eq!(response(&account, challenge), "0ebe29094daa3f46ec58351fdb38186f9b7f2e2d");
        let (mut client, mut server) =
            (codes(&account, challenge).unwrap(), codes(&account, challenge).unwrap());
        let shown = |code: [u8; CODE_LENGTH]| -> String {
            code.iter().map(|byte| format!("{byte:02x}")).collect()
        };
        let register = client.next(b"(J\x04\0\0\0K\0U\x08register(U\x011K\x01tt.");
        assert_eq!(shown(register), "40bece5deeb0d26b973ac927e0bf188348429920");
        let reply = server.next(b"(K\x04K\x00U\x06.replyNt.");
        assert_eq!(shown(reply), "8b82cf667bcbb2c5b4ef62202dc8826b9fa3eb32");
        let methods = client.next(b"(J\x05\0\0\0K\0U\x13getExtensionMethods)t.");
        assert_eq!(shown(methods), "5900073e1fb4a0d8b2fdd0e98db50baf42306c5e");
    }
}
